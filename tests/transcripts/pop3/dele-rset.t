# dele-rset.t   RFC 1939 5: marks, and taking them back
config: plaintext=yes
config: messages=300,400
S: +OK ...
C: AUTH PLAIN {base64:\0alice\0secret}
S: +OK ...
C: DELE 1
S: +OK message 1 deleted
C: DELE 1
S: -ERR message 1 is deleted
C: DELE 3
S: -ERR no such message, only 2 messages in maildrop
C: DELE
S: -ERR usage: DELE number
C: RSET
S: +OK maildrop has 2 messages (700 octets)
C: STAT
S: +OK 2 700
C: DELE 1
S: +OK ...
C: DELE 2
S: +OK ...
C: STAT
S: +OK 0 0
C: RSET x
S: -ERR this command takes no arguments
C: QUIT
S: +OK goodbye (0 messages left)
S: <closed>
S2: +OK ...
C2: AUTH PLAIN {base64:\0alice\0secret}
S2: +OK maildrop has 0 messages (0 octets)
