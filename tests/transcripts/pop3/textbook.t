# textbook.t    RFC 1939 10: the dialogue of every textbook
config: plaintext=yes
config: message=From: bob@example.org\r\nSubject: Lunch\r\n\r\nAt noon?\r\n
config: messages=320

S: +OK ...
C: USER alice
S: +OK ...
C: PASS secret
S: +OK maildrop has 2 messages (371 octets)
C: STAT
S: +OK 2 371
C: LIST
S: +OK 2 messages (371 octets)
S: 1 51
S: 2 320
S: .
C: RETR 1
S: +OK 51 octets
S: From: bob@example.org
S: Subject: Lunch
S:
S: At noon?
S: .
C: DELE 1
S: +OK message 1 deleted
C: QUIT
S: +OK goodbye (1 message left)
S: <closed>

# The next session finds what is left, under its old unique-id.
S2: +OK ...
C2: USER alice
S2: +OK ...
C2: PASS secret
S2: +OK maildrop has 1 message (320 octets)
C2: UIDL
S2: +OK ...
S2: 1 0000002a00000002
S2: .
