# textbook.t        RFC 3501 8: the dialogue that everybody types first
config: plaintext=yes
S: * OK [CAPABILITY IMAP4rev1 ...] mail.example.com IMAP ready
C: A001 LOGIN alice secret
S: A001 OK [CAPABILITY IMAP4rev1 ...] logged in
C: A002 SELECT INBOX
S*: A002 OK [READ-WRITE] ...
C: A003 LOGOUT
S: * BYE goodbye
S: A003 OK logged out
S: <closed>
