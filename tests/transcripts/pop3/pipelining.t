# pipelining.t  RFC 2449 6.6: one reply each, in order
config: plaintext=yes
config: message=A: b\r\n\r\nc\r\n
S: +OK ...
C-raw: USER alice\r\nPASS secret\r\nSTAT\r\nRETR 1\r\nLIST\r\nDELE 1\r\nNOOP\r\nQUIT\r\nSTAT\r\n
S: +OK now the password
S: +OK maildrop has 1 message (11 octets)
S: +OK 1 11
S: +OK 11 octets
S: A: b
S:
S: c
S: .
S: +OK 1 message (11 octets)
S: 1 11
S: .
S: +OK message 1 deleted
S: +OK nothing done
S: +OK goodbye (0 messages left)
S: <closed>
