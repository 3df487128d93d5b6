# stat-list.t   RFC 1939 5: STAT and LIST leave out what is marked, the others keep their numbers
config: plaintext=yes
config: messages=300,400,500
S: +OK ...
C: STAT
S: -ERR log in first
C: AUTH PLAIN {base64:\0alice\0secret}
S: +OK maildrop has 3 messages (1200 octets)
C: DELE 2
S: +OK message 2 deleted
C: STAT
S: +OK 2 800
C: LIST
S: +OK 2 messages (800 octets)
S: 1 300
S: 3 500
S: .
C: LIST 3
S: +OK 3 500
C: LIST 2
S: -ERR message 2 is deleted
C: LIST 4
S: -ERR no such message, only 3 messages in maildrop
C: LIST 0
S: -ERR no such message, only 3 messages in maildrop
C: LIST 99999999999999999999999
S: -ERR no such message, only 3 messages in maildrop
C: LIST -1
S: -ERR usage: LIST [number]
C: LIST 1 2
S: -ERR usage: LIST [number]
C: STAT 1
S: -ERR this command takes no arguments
