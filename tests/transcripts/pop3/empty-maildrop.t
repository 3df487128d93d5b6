# empty-maildrop.t      RFC 1939 5: listings without lines are no error
config: plaintext=yes
S: +OK ...
C: AUTH PLAIN {base64:\0alice\0secret}
S: +OK maildrop has 0 messages (0 octets)
C: STAT
S: +OK 0 0
C: LIST
S: +OK 0 messages (0 octets)
S: .
C: UIDL
S: +OK ...
S: .
C: RETR 1
S: -ERR no such message, only 0 messages in maildrop
C: QUIT
S: +OK goodbye (0 messages left)
S: <closed>
