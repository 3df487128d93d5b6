# authenticate-errors.t     RFC 3501 6.2.2: BAD for what is no base64, and for a client that gives up
config: plaintext=yes
S: * OK ...
C: a AUTHENTICATE PLAIN
S: + 
C: *
S: a BAD cancelled
C: b AUTHENTICATE PLAIN
S: + 
C: this is not base64
S: b BAD this is not base64
C: c AUTHENTICATE PLAIN !
S: c BAD ...
# RFC 4959 3: an initial response without octets.
C: d AUTHENTICATE PLAIN =
S: d BAD the response breaks the mechanism's rules
C: e AUTHENTICATE PLAIN
S: + 
C: {base64:no separators}
S: e BAD the response breaks the mechanism's rules
C: f AUTHENTICATE X-UNKNOWN
S: f NO [CANNOT] ...
C: g AUTHENTICATE
S: g BAD ...
# What fails so is no failed login: there were more than three.
C: h LOGIN alice secret
S: h OK ...
C: i AUTHENTICATE PLAIN
S: i BAD you are logged in already
