# login-disabled.t      RFC 3206 4: AUTH
config: plaintext=yes
config: login=disabled
S: +OK ...
C: AUTH PLAIN {base64:\0alice\0secret}
S: -ERR [AUTH] this login may not be used here
