# submission.t  RFC 6409 4.3, RFC 3207, RFC 4954: STARTTLS, EHLO again, AUTH LOGIN with prompts
config: service=submission

S: 220 ...
C: EHLO laptop.example
!: 250-AUTH...
S*: 250 STARTTLS
C: MAIL FROM:<alice@example.com>
S: 530 5.7.0 Say STARTTLS first
C: AUTH LOGIN
S: 538 5.7.11 ...
C: STARTTLS
S: 220 2.0.0 ...
C: <starttls>
C: AUTH LOGIN
S: 503 5.5.1 Say EHLO first
C: EHLO laptop.example
!: ...STARTTLS
S*: 250 AUTH PLAIN LOGIN SCRAM-SHA-256 SCRAM-SHA-256-PLUS
C: MAIL FROM:<alice@example.com>
S: 530 5.7.0 Authentication required
C: AUTH LOGIN
S: 334 {base64:Username:}
C: {base64:alice}
S: 334 {base64:Password:}
C: {base64:wrong}
S: 535 5.7.8 ...
C: AUTH LOGIN
S: 334 {base64:Username:}
C: *
S: 501 5.7.0 ...
C: AUTH LOGIN {base64:alice@example.com}
S: 334 {base64:Password:}
C: {base64:password}
S: 235 2.7.0 ...
C: AUTH PLAIN {base64:\0alice\0password}
S: 503 5.5.1 Already authenticated
C: MAIL FROM:<alice@example.com> AUTH=<>
S: 250 2.1.0 ...
C: RCPT TO:<somebody@elsewhere.example>
S: 250 2.1.5 ...
C: DATA
S: 354 ...
C: .
S: 250 2.0.0 ...
C: QUIT
S: 221 2.0.0 ...
S: <closed>
