//! Numbers and booleans: parsed as people type them, formatted, stepped and compared exactly.

use std::cmp::Ordering;

use serde_json::Number;

/// Limits and step of a number; each may be unknown.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Range {
    pub min: Option<Number>,
    pub max: Option<Number>,
    /// Change by one press of ±.
    pub step: Option<Number>,
    /// ComfyUI's editor rounds to multiples of this.
    pub round: Option<Number>,
}

/// Whether a number is written without fraction and exponent: `6`, not `6.0` or `6e0`.
pub fn is_whole(number: &Number) -> bool {
    number.to_string().bytes().all(|b| b.is_ascii_digit() || b == b'-')
}

/// A number without float noise: `0.4000000000000001` becomes `0.4`, `0.30000001192092896` becomes `0.3`. Any
/// other number stays as written.
pub fn short(number: &Number) -> String {
    /// Digits from which on a number may be noisy, and below which it is not.
    const NOISY: usize = 15;
    const PLAIN: usize = 8;
    let text = number.to_string();
    let digits = |text: &str| text.bytes().filter(u8::is_ascii_digit).count();
    let Some(float) = text.parse::<f64>().ok().filter(|_| text.contains('.') && digits(&text) >= NOISY)
    else {
        return text;
    };
    let of_single = float as f32;
    let short = match f64::from(of_single) == float {
        true => of_single.to_string(),
        false => format!("{float:.12}").trim_end_matches('0').trim_end_matches('.').to_owned(),
    };
    if digits(&short) <= PLAIN { short } else { text }
}

/// Parses a number as people write it, keeping its digits.
///
/// # Errors
/// One sentence, when the text is not a number.
pub fn number(text: &str) -> Result<Number, String> {
    let text = text.trim();
    // People write `.5` and `+1`, which JSON does not have.
    let plain = text.strip_prefix('+').unwrap_or(text);
    let plain = if plain.starts_with('.') { format!("0{plain}") } else { plain.to_owned() };
    serde_json::from_str(&plain).map_err(|_| format!("`{text}` is not a number"))
}

/// Parses yes and no, on and off.
///
/// # Errors
/// One sentence, when the text is neither.
pub fn boolean(text: &str) -> Result<bool, String> {
    match text.trim().to_ascii_lowercase().as_str() {
        "true" | "yes" | "on" | "1" => Ok(true),
        "false" | "no" | "off" | "0" => Ok(false),
        _ => Err("expected true or false".to_owned()),
    }
}

/// The number after `steps` presses of ±, within its limits, in decimal arithmetic: `7.5` plus five steps of `0.1` is
/// `8.0`, never `7.999…`. `None` when the number is too large or too precise for exact arithmetic.
pub fn stepped(number: &Number, range: &Range, steps: i64) -> Option<Number> {
    let whole = is_whole(number) && range.step.as_ref().is_none_or(is_whole);
    let default_step = if whole { "1" } else { "0.1" };
    let step = Decimal::parse(&range.step.as_ref().map_or(default_step.to_owned(), Number::to_string))?;
    let start = Decimal::parse(&short(number))?;
    let mut sum = start.plus(step.times(i128::from(steps))?)?;
    if let Some(min) = range.min.as_ref().and_then(|n| Decimal::parse(&n.to_string())) {
        sum = sum.max(min)?;
    }
    if let Some(max) = range.max.as_ref().and_then(|n| Decimal::parse(&n.to_string())) {
        sum = sum.min(max)?;
    }
    serde_json::from_str(&sum.to_text(start.scale)).ok()
}

/// Exact when the digits fit, else as doubles; `None` when not a number there either.
pub fn compare(a: &Number, b: &Number) -> Option<Ordering> {
    let (a, b) = (a.to_string(), b.to_string());
    let exact = Decimal::parse(&a).zip(Decimal::parse(&b)).and_then(|(a, b)| a.aligned(b));
    match exact {
        Some((a, b)) => Some(a.digits.cmp(&b.digits)),
        None => a.parse::<f64>().ok()?.partial_cmp(&b.parse().ok()?),
    }
}

/// A decimal number: an integer and the number of its digits after the point.
#[derive(Clone, Copy)]
pub(super) struct Decimal {
    pub(super) digits: i128,
    pub(super) scale: u32,
}

impl Decimal {
    /// Parses `-12.50`. Exponents are rare in workflows and are converted through `f64`.
    pub(super) fn parse(text: &str) -> Option<Self> {
        if text.contains(['e', 'E']) {
            return Self::parse(&format!("{}", text.parse::<f64>().ok()?));
        }
        let (front, fraction) = text.split_once('.').unwrap_or((text, ""));
        let scale = u32::try_from(fraction.len()).ok().filter(|scale| *scale <= 18)?;
        let digits = format!("{front}{fraction}").parse().ok()?;
        Some(Self { digits, scale })
    }

    pub(super) fn rescaled(self, scale: u32) -> Option<Self> {
        let factor = 10_i128.checked_pow(scale.checked_sub(self.scale)?)?;
        Some(Self { digits: self.digits.checked_mul(factor)?, scale })
    }

    pub(super) fn aligned(self, other: Self) -> Option<(Self, Self)> {
        let scale = self.scale.max(other.scale);
        Some((self.rescaled(scale)?, other.rescaled(scale)?))
    }

    fn plus(self, other: Self) -> Option<Self> {
        let (a, b) = self.aligned(other)?;
        Some(Self { digits: a.digits.checked_add(b.digits)?, scale: a.scale })
    }

    fn times(self, factor: i128) -> Option<Self> {
        Some(Self { digits: self.digits.checked_mul(factor)?, scale: self.scale })
    }

    fn max(self, other: Self) -> Option<Self> {
        let (a, b) = self.aligned(other)?;
        Some(if a.digits >= b.digits { self } else { other })
    }

    fn min(self, other: Self) -> Option<Self> {
        let (a, b) = self.aligned(other)?;
        Some(if a.digits <= b.digits { self } else { other })
    }

    /// The number with at least `least_scale` decimals and no further trailing zeros.
    pub(super) fn to_text(mut self, least_scale: u32) -> String {
        while self.scale > least_scale && self.digits % 10 == 0 {
            self.digits /= 10;
            self.scale -= 1;
        }
        let sign = if self.digits < 0 { "-" } else { "" };
        let digits = self.digits.unsigned_abs().to_string();
        let scale = self.scale as usize;
        if scale == 0 {
            return format!("{sign}{digits}");
        }
        let padded = format!("{digits:0>width$}", width = scale + 1);
        let (front, fraction) = padded.split_at(padded.len() - scale);
        format!("{sign}{front}.{fraction}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn noise_of_floats_is_neither_shown_nor_stepped() {
        for (written, shown) in [
            ("0.4000000000000001", "0.4"),
            ("0.30000001192092896", "0.3"),
            ("7.499999999999999", "7.5"),
            ("0.123456789012345", "0.123456789012345"),
            ("6", "6"),
            ("6.0", "6.0"),
            ("18446744073709551615", "18446744073709551615"),
            ("0.05", "0.05"),
        ] {
            let number: Number = serde_json::from_str(written).expect(written);
            assert_eq!(short(&number), shown);
        }
        let noisy: Number = serde_json::from_str("0.4000000000000001").expect("a number");
        let stepped = stepped(&noisy, &Range::default(), 1).map(|number| number.to_string());
        assert_eq!(stepped.as_deref(), Some("0.5"));
    }

    #[test]
    fn steps_are_exact() {
        let range = |min: &str, max: &str, step: &str| Range {
            min: serde_json::from_str(min).ok(),
            max: serde_json::from_str(max).ok(),
            step: serde_json::from_str(step).ok(),
            round: None,
        };
        let table = [
            ("7.5", range("", "", "0.1"), 1, "7.6"),
            ("7.5", range("", "", "0.1"), 5, "8.0"),
            ("6", range("", "", "0.1"), 1, "6.1"),
            ("6", range("", "", "0.5"), 2, "7"),
            ("6.0", range("", "", ""), -1, "5.9"),
            ("20", range("1", "20", "1"), 1, "20"),
            ("1", range("1", "150", "1"), -5, "1"),
            ("0.05", range("0", "1", "0.1"), -1, "0"),
            ("-0.1", range("", "", "0.1"), 1, "0.0"),
            ("18446744073709551614", range("", "18446744073709551615", "1"), 9, "18446744073709551615"),
        ];
        for (from, range, steps, to) in table {
            let number = serde_json::from_str(from).expect(from);
            assert_eq!(stepped(&number, &range, steps).map(|n| n.to_string()).as_deref(), Some(to), "{from}");
        }
    }
}
