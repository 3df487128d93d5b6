# greeting.t    RFC 1939 4 and 7: no timestamp in angle brackets, so no APOP
!: ...<...
S: +OK mail.example.com POP3 ready
C: QUIT
S: +OK goodbye
S: <closed>
