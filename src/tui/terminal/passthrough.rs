//! Bytes for the terminal that tmux is in.

/// Wraps bytes for the terminal that tmux is in; tmux passes them on if `allow-passthrough` is set.
pub fn through_tmux(bytes: &[u8]) -> Vec<u8> {
    let mut wrapped = b"\x1bPtmux;".to_vec();
    for byte in bytes {
        if *byte == 0x1b {
            wrapped.push(0x1b);
        }
        wrapped.push(*byte);
    }
    wrapped.extend_from_slice(b"\x1b\\");
    wrapped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_escape_is_doubled_within() {
        assert_eq!(through_tmux(b"\x1b_Gq\x1b\\"), b"\x1bPtmux;\x1b\x1b_Gq\x1b\x1b\\\x1b\\");
    }
}
