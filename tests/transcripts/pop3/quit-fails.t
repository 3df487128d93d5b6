# quit-fails.t  RFC 1939 6: the deletion failed, the client is told, nothing is gone
config: plaintext=yes
config: messages=300
config: commit=fails
S: +OK ...
C: AUTH PLAIN {base64:\0alice\0secret}
S: +OK ...
C: DELE 1
S: +OK ...
C: QUIT
S: -ERR [SYS/TEMP] some deleted messages not removed
S: <closed>
S2: +OK ...
C2: AUTH PLAIN {base64:\0alice\0secret}
S2: +OK maildrop has 1 message (300 octets)
