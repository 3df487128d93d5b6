# maildrop-broken.t     RFC 3206 4: SYS/PERM
config: plaintext=yes
config: open=permanent
S: +OK ...
C: AUTH PLAIN {base64:\0alice\0secret}
S: -ERR [SYS/PERM] the maildrop cannot be read
