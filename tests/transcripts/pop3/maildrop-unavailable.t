# maildrop-unavailable.t        RFC 3206 4: SYS/TEMP
config: plaintext=yes
config: open=temporary
S: +OK ...
C: AUTH PLAIN {base64:\0alice\0secret}
S: -ERR [SYS/TEMP] the maildrop cannot be read now
C: STAT
S: -ERR log in first
