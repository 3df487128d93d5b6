# retr-unreadable.t     RFC 3206 4: SYS/TEMP
config: plaintext=yes
config: messages=300
config: read=unreadable
S: +OK ...
C: AUTH PLAIN {base64:\0alice\0secret}
S: +OK ...
C: RETR 1
S: -ERR [SYS/TEMP] the message cannot be read now
C: TOP 1 0
S: -ERR [SYS/TEMP] the message cannot be read now
