# uidl.t        RFC 1939 7: stable, and as imported where another server's clients know them
config: plaintext=yes
config: messages=300,300,300
config: unique-id=2:whqtswO00WBw418f9t5JxYwZ
S: +OK ...
C: AUTH PLAIN {base64:\0alice\0secret}
S: +OK ...
C: UIDL
S: +OK 3 messages (900 octets)
S: 1 $first
S: 2 whqtswO00WBw418f9t5JxYwZ
S: 3 $third
S: .
C: UIDL 1
S: +OK 1 $first
C: DELE 1
S: +OK ...
C: UIDL
S: +OK ...
S: 2 whqtswO00WBw418f9t5JxYwZ
S: 3 $third
S: .
C: UIDL 1
S: -ERR message 1 is deleted
C: UIDL 4
S: -ERR no such message, only 3 messages in maildrop
C: UIDL x
S: -ERR usage: UIDL [number]
C: QUIT
S: +OK ...
S: <closed>
S2: +OK ...
C2: AUTH PLAIN {base64:\0alice\0secret}
S2: +OK ...
C2: UIDL
S2: +OK ...
S2: 1 whqtswO00WBw418f9t5JxYwZ
S2: 2 $third
S2: .
