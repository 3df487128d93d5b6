//! Other protocols on our ports: a web page can make a browser send requests to any of them, and
//! what stands in such a request must not be taken for commands.

/// The request methods of HTTP, and the first word of HTTP/2. None of them is a command of a mail
/// protocol; a browser that was talked into speaking to us says one of them first.
const HTTP_METHODS: [&str; 10] =
    ["GET", "POST", "HEAD", "PUT", "OPTIONS", "CONNECT", "DELETE", "PATCH", "TRACE", "PRI"];

/// True when a line is the first line of an HTTP request.
pub(crate) fn is_http(line: &[u8]) -> bool {
    let method = line.split(|byte| *byte == b' ').next().unwrap_or_default();
    HTTP_METHODS.iter().any(|m| m.as_bytes().eq_ignore_ascii_case(method))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn http() {
        for line in ["GET / HTTP/1.1", "PRI * HTTP/2.0", "post /x http/1.0", "GET"] {
            assert!(is_http(line.as_bytes()), "{line}");
        }
        for line in ["", "USER get", "EHLO get.example", "GETX", "HELP"] {
            assert!(!is_http(line.as_bytes()), "{line}");
        }
    }
}
