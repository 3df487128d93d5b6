# limits.t      every limit that a client can meet, exceeded by one
config: size=100
config: recipients=2

S: 220 ...
C: EHLO client.example
S*: 250-SIZE 100
S*: 250-LIMITS MAILMAX=10000 RCPTMAX=2
S*: 250 STARTTLS
C: NOOP {repeat:12282:x}
S: 500 5.5.6 Line too long
C: NOOP {repeat:12281:x}
S: 250 2.0.0 OK
C: MAIL FROM:<a@client.example> SIZE=101
S: 552 5.3.4 ...
C: MAIL FROM:<a@client.example> SIZE=18446744073709551616
S: 501 5.5.4 ...
C: MAIL FROM:<a@client.example> SIZE=100
S: 250 2.1.0 ...
C: RCPT TO:<alice@example.com>
S: 250 2.1.5 ...
C: RCPT TO:<alice@example.com>
S: 250 2.1.5 ...
C: RCPT TO:<bob@example.org>
S: 452 4.5.3 ...
C: DATA
S: 354 ...
C: {repeat:99:x}
C: .
S: 552 5.3.4 ...
wait: 299s
C: NOOP
S: 250 2.0.0 OK
wait: 300s
S: 421 4.4.2 Timeout; closing
S: <closed>
