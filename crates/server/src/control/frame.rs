//! Frames: one byte that says what it is, four bytes of length (big-endian), the content.

use super::error::{ControlError, Refusal};
use super::request::{Greeting, Request};
use posthorn_base::limits::{CONTROL_CHUNK_BYTES_MAX, CONTROL_FRAME_BYTES_MAX};
use serde::Serialize;
use serde_json::Value;

/// Bytes before the content.
pub const HEADER_BYTES: usize = 5;

/// What is said in one go.
#[derive(Debug, Clone, PartialEq)]
pub enum Frame {
    /// The server's first word.
    Greeting(Greeting),
    /// The client asks.
    Request(Request),
    /// The client asks for what this server does not know; why.
    UnknownRequest(String),
    /// One of several things, from either side.
    Item(Value),
    /// A piece of something large, from either side.
    Chunk(Vec<u8>),
    /// The end of the pieces, or of the client's items.
    End,
    /// The request is done; its result.
    Done(Value),
    /// The request is refused.
    Failed(Refusal),
}

/// The first bytes of a frame, checked: what follows is bounded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    kind: u8,
    length: usize,
}

impl Header {
    /// Reads the first bytes of a frame.
    pub fn parse(bytes: [u8; HEADER_BYTES]) -> Result<Header, ControlError> {
        let [kind, length @ ..] = bytes;
        let length = usize::try_from(u32::from_be_bytes(length)).unwrap_or(usize::MAX);
        let most = if kind == b'c' { CONTROL_CHUNK_BYTES_MAX } else { CONTROL_FRAME_BYTES_MAX };
        if length > most {
            return Err(ControlError::FrameTooLong(length));
        }
        Ok(Header { kind, length })
    }

    /// Bytes of content to come.
    pub fn length(self) -> usize {
        self.length
    }

    /// The frame with this content.
    pub fn frame(self, content: Vec<u8>) -> Result<Frame, ControlError> {
        let malformed = ControlError::Malformed;
        Ok(match self.kind {
            b'g' => Frame::Greeting(serde_json::from_slice(&content).map_err(malformed)?),
            b'r' => match serde_json::from_slice(&content) {
                Ok(request) => Frame::Request(request),
                Err(error) if error.is_data() => Frame::UnknownRequest(error.to_string()),
                Err(error) => return Err(malformed(error)),
            },
            b'i' => Frame::Item(serde_json::from_slice(&content).map_err(malformed)?),
            b'c' => Frame::Chunk(content),
            b'e' if content.is_empty() => Frame::End,
            b'd' => Frame::Done(serde_json::from_slice(&content).map_err(malformed)?),
            b'f' => Frame::Failed(serde_json::from_slice(&content).map_err(malformed)?),
            _ => return Err(ControlError::Unexpected("a frame of unknown kind")),
        })
    }
}

/// A greeting as bytes.
pub fn greeting(greeting: &Greeting) -> Result<Vec<u8>, ControlError> {
    json(b'g', greeting)
}
/// A request as bytes.
pub fn request(request: &Request) -> Result<Vec<u8>, ControlError> {
    json(b'r', request)
}
/// An item as bytes.
pub fn item(item: &impl Serialize) -> Result<Vec<u8>, ControlError> {
    json(b'i', item)
}
/// A result as bytes.
pub fn done(result: &Value) -> Result<Vec<u8>, ControlError> {
    json(b'd', result)
}
/// A refusal as bytes.
pub fn failed(refusal: &Refusal) -> Result<Vec<u8>, ControlError> {
    json(b'f', refusal)
}
/// A piece of something large as bytes; at most `limits::CONTROL_CHUNK_BYTES_MAX` of it.
pub fn chunk(piece: &[u8]) -> Result<Vec<u8>, ControlError> {
    put(b'c', piece, CONTROL_CHUNK_BYTES_MAX)
}
/// The end of pieces or items as bytes.
pub fn end() -> Result<Vec<u8>, ControlError> {
    put(b'e', &[], 0)
}

fn json(kind: u8, value: &impl Serialize) -> Result<Vec<u8>, ControlError> {
    let content = serde_json::to_vec(value).map_err(ControlError::Malformed)?;
    put(kind, &content, CONTROL_FRAME_BYTES_MAX)
}

fn put(kind: u8, content: &[u8], most: usize) -> Result<Vec<u8>, ControlError> {
    let length = u32::try_from(content.len()).ok().filter(|_| content.len() <= most);
    let length = length.ok_or(ControlError::FrameTooLong(content.len()))?;
    let mut bytes = Vec::with_capacity(HEADER_BYTES + content.len());
    bytes.push(kind);
    bytes.extend_from_slice(&length.to_be_bytes());
    bytes.extend_from_slice(content);
    Ok(bytes)
}
