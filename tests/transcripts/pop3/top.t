# top.t         RFC 1939 7: TOP
config: plaintext=yes
config: message=A: b\r\nC: d\r\n\r\none\r\n.two\r\nthree\r\n
S: +OK ...
C: TOP 1 1
S: -ERR log in first
C: AUTH PLAIN {base64:\0alice\0secret}
S: +OK ...
C: TOP 1 0
S: +OK ...
S: A: b
S: C: d
S:
S: .
C: TOP 1 2
S: +OK ...
S: A: b
S: C: d
S:
S: one
S: ..two
S: .
C: TOP 1 99999999999999999999999
S: +OK ...
S*: three
S: .
C: TOP 1
S: -ERR usage: TOP number lines
C: TOP 1 -1
S: -ERR usage: TOP number lines
C: TOP 2 0
S: -ERR no such message, only 1 message in maildrop
