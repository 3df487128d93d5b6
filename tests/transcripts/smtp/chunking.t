# chunking.t    RFC 3030 2 and 4.1: BDAT alone, in several chunks, and with RSET in between
config: size=1000

S: 220 ...
C: EHLO client.example
S*: 250 STARTTLS
C: MAIL FROM:<carol@client.example>
S: 250 2.1.0 ...
C: RCPT TO:<alice@example.com>
S: 250 2.1.5 ...
C-raw: BDAT 12\r\nSubject: x\r\nBDAT 4\r\n\r\n.\r
S: 250 2.0.0 12 octets received
S: 250 2.0.0 4 octets received
C: DATA
S: 503 5.5.1 ...
C-raw: BDAT 1\r\n\nBDAT 0 LAST\r\n
S: 250 2.0.0 1 octets received
S: 250 2.0.0 Message accepted, id ...

C: MAIL FROM:<carol@client.example>
S: 250 2.1.0 ...
C: RCPT TO:<alice@example.com>
S: 250 2.1.5 ...
C-raw: BDAT 5\r\nabcde
S: 250 2.0.0 5 octets received
C: RSET
S: 250 2.0.0 OK
C-raw: BDAT 6 LAST\r\nNOOP\r\n
S: 503 5.5.1 Say MAIL FROM first

C: MAIL FROM:<carol@client.example>
S: 250 2.1.0 ...
C: RCPT TO:<alice@example.com>
S: 250 2.1.5 ...
C-raw: BDAT 1001 LAST\r\n{repeat:1001:x}
S: 552 5.3.4 ...
C: BDAT 18446744073709551616
S: 501 5.5.4 ...
S: <closed>
