# login-throttled.t     RFC 3206 4: SYS/TEMP
config: plaintext=yes
config: login=throttled
S: +OK ...
C: AUTH PLAIN {base64:\0alice\0secret}
S: -ERR [SYS/TEMP] too many failed logins, try again later
