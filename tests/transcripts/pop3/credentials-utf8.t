# credentials-utf8.t    RFC 6856 2.2: what is not UTF-8, or what SASLprep prohibits, is refused
config: plaintext=yes
S: +OK ...
C-raw: USER al\xffice\r\n
S: -ERR [AUTH] this is not a login name
C-raw: USER a\xe2\x80\xaeb\r\n
S: -ERR [AUTH] this is not a login name
C: USER jörg
S: +OK ...
C-raw: PASS p\xe9\r\n
S: -ERR [AUTH] wrong name or password
C-raw: USER a\x07b\r\n
S: -ERR control characters are not allowed
