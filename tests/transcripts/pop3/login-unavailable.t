# login-unavailable.t   RFC 3206 4: our trouble does not count against the client
config: plaintext=yes
config: login=temporary
S: +OK ...
C: AUTH PLAIN {base64:\0alice\0secret}
S: -ERR [SYS/TEMP] logins cannot be checked now, try again later
C: AUTH PLAIN {base64:\0alice\0secret}
S: -ERR [SYS/TEMP] logins cannot be checked now, try again later
C: AUTH PLAIN {base64:\0alice\0secret}
S: -ERR [SYS/TEMP] logins cannot be checked now, try again later
C: AUTH PLAIN {base64:\0alice\0secret}
S: -ERR [SYS/TEMP] logins cannot be checked now, try again later
C: QUIT
S: +OK goodbye
S: <closed>
