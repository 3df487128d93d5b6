# retr.t        RFC 1939 3, 5 and 11: dots are doubled, lines end in CRLF
config: plaintext=yes
config: message=A: b\r\n\r\n.\r\n..\r\n.c\r\nd.\r\n
config: message=A: b\n\n.\nunfinished
config: message=
S: +OK ...
C: AUTH PLAIN {base64:\0alice\0secret}
S: +OK ...
C: RETR 1
S: +OK 23 octets
S: A: b
S:
S: ..
S: ...
S: ..c
S: d.
S: .
# Bare LF is counted and sent as CRLF, and the last line gets one.
C: RETR 2
S: +OK 23 octets
S: A: b
S:
S: ..
S: unfinished
S: .
C: RETR 3
S: +OK 0 octets
S: .
C: RETR
S: -ERR usage: RETR number
C: RETR 1 2
S: -ERR usage: RETR number
C: RETR 4
S: -ERR no such message, only 3 messages in maildrop
C: DELE 1
S: +OK ...
C: RETR 1
S: -ERR message 1 is deleted
