# too-many-errors.t     50 commands that are none
config: plaintext=yes
S: * OK ...
C-raw: {repeat:50:a XYZZY\r\n}b NOOP\r\n
!: b ...
S*: * BYE too many errors
S: <closed>
