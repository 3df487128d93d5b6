# submissions.t RFC 8314 3.3: TLS from the first byte, AUTH PLAIN with an initial response
config: service=submissions

S: 220 ...
C: EHLO [192.0.2.1]
!: ...STARTTLS
S*: 250 AUTH PLAIN LOGIN SCRAM-SHA-256 SCRAM-SHA-256-PLUS
C: STARTTLS
S: 503 5.5.1 TLS is already active
C: AUTH PLAIN {base64:\0bob\0secret}
S: 235 2.7.0 ...
C: MAIL FROM:<bob@example.org>
S: 250 2.1.0 ...
C: AUTH PLAIN {base64:\0bob\0secret}
S: 503 5.5.1 ...
