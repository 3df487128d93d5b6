# auth-login.t  LOGIN as textbooks show it
config: tls=yes
S: +OK ...
C: AUTH LOGIN
S: + {base64:Username:}
C: {base64:alice}
S: + {base64:Password:}
C: {base64:secret}
S: +OK maildrop ...
C2: AUTH LOGIN {base64:alice}
S2: +OK mail.example.com POP3 ready
S2: + {base64:Password:}
C2: *
S2: -ERR cancelled
