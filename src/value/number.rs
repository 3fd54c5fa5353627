//! A JSON number of any size, kept as it was sent and compared by its exact value.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::fmt::Write;
use std::sync::Arc;

/// A JSON number: an integer of 64 bits, or the exact text of any other.
#[derive(Clone, Debug)]
pub struct Number(Repr);

#[derive(Clone, Debug)]
enum Repr {
    Signed(i64),
    /// Only above `i64::MAX`.
    Unsigned(u64),
    /// Valid JSON, and not what the other two would print.
    Text(Arc<str>),
}

impl Number {
    /// The shortest text that reads back as `number`, always with a fraction or an exponent; none for NaN and infinity.
    pub fn from_f64(number: f64) -> Option<Number> {
        number.is_finite().then(|| Number(Repr::Text(format!("{number:?}").into())))
    }

    /// Reads a number by the grammar of RFC 8259: no `+`, no leading zeros, no spaces, no NaN.
    pub fn parse(text: &str) -> Option<Number> {
        let (digits, plain) = grammar(text.as_bytes())?;
        if plain && digits <= 20 && text != "-0" {
            if let Ok(number) = text.parse::<i64>() {
                return Some(Number(Repr::Signed(number)));
            }
            if let Ok(number) = text.parse::<u64>() {
                return Some(Number(Repr::Unsigned(number)));
            }
        }
        Some(Number(Repr::Text(text.into())))
    }

    /// The number, if it is written as a whole one of 64 bits with a sign.
    pub fn whole(&self) -> Option<i64> {
        match self.0 {
            Repr::Signed(number) => Some(number),
            _ => None,
        }
    }

    /// Appends the number as JSON text.
    pub fn write(&self, out: &mut String) {
        // Writing to text does not fail.
        let _written = match &self.0 {
            Repr::Signed(number) => write!(out, "{number}"),
            Repr::Unsigned(number) => write!(out, "{number}"),
            Repr::Text(text) => out.write_str(text),
        };
    }

    /// The number as an `i64`, if it is an integer (`2.0` and `1e2` are) which fits.
    pub fn as_i64(&self) -> Option<i64> {
        self.as_i128()?.try_into().ok()
    }

    /// The number as a `u64`, if it is an integer which fits.
    pub fn as_u64(&self) -> Option<u64> {
        self.as_i128()?.try_into().ok()
    }

    /// The nearest `f64`; none beyond its range, such as `1e400`.
    pub fn as_f64(&self) -> Option<f64> {
        match &self.0 {
            Repr::Signed(number) => Some(*number as f64),
            Repr::Unsigned(number) => Some(*number as f64),
            Repr::Text(text) => text.parse::<f64>().ok().filter(|number| number.is_finite()),
        }
    }

    /// Whether it is a whole number mathematically, as `2.0` and `1e2` are.
    pub fn is_integer(&self) -> bool {
        match &self.0 {
            Repr::Signed(_) | Repr::Unsigned(_) => true,
            Repr::Text(text) => Decimal::of(text).is_integer(),
        }
    }

    /// The number as JSON text, digit for digit as it was sent.
    pub fn text(&self) -> Cow<'_, str> {
        match &self.0 {
            Repr::Signed(number) => Cow::Owned(number.to_string()),
            Repr::Unsigned(number) => Cow::Owned(number.to_string()),
            Repr::Text(text) => Cow::Borrowed(text),
        }
    }

    fn as_i128(&self) -> Option<i128> {
        match &self.0 {
            Repr::Signed(number) => Some((*number).into()),
            Repr::Unsigned(number) => Some((*number).into()),
            Repr::Text(text) => Decimal::of(text).as_i128(),
        }
    }
}

impl From<i64> for Number {
    fn from(number: i64) -> Self {
        Number(Repr::Signed(number))
    }
}

impl From<u64> for Number {
    fn from(number: u64) -> Self {
        Number(i64::try_from(number).map_or(Repr::Unsigned(number), Repr::Signed))
    }
}

impl std::fmt::Display for Number {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.text())
    }
}

impl PartialEq for Number {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Number {}

impl PartialOrd for Number {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// By exact value, whatever the size: nothing goes through a float.
impl Ord for Number {
    fn cmp(&self, other: &Self) -> Ordering {
        match (&self.0, &other.0) {
            (Repr::Signed(one), Repr::Signed(two)) => one.cmp(two),
            (Repr::Unsigned(one), Repr::Unsigned(two)) => one.cmp(two),
            (Repr::Signed(_), Repr::Unsigned(_)) => Ordering::Less,
            (Repr::Unsigned(_), Repr::Signed(_)) => Ordering::Greater,
            _ => Decimal::of(&self.text()).cmp(&Decimal::of(&other.text())),
        }
    }
}

/// ±0.DIGITS × 10^exponent, the digits without zeros at either end: every value has one such form.
#[derive(PartialEq, Eq)]
struct Decimal {
    negative: bool,
    digits: Vec<u8>,
    exponent: i64,
}

impl Decimal {
    fn of(text: &str) -> Decimal {
        let (negative, text) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
        let (mantissa, power) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let mut digits: Vec<u8> = whole.bytes().chain(fraction.bytes()).collect();
        let leading = digits.iter().take_while(|&&digit| digit == b'0').count();
        digits.drain(..leading);
        digits.truncate(digits.iter().rposition(|&digit| digit != b'0').map_or(0, |last| last + 1));
        if digits.is_empty() {
            return Decimal { negative: false, digits, exponent: 0 };
        }
        let limit = if power.starts_with('-') { i64::MIN / 2 } else { i64::MAX / 2 };
        let power = power.parse::<i64>().unwrap_or(limit).clamp(i64::MIN / 2, i64::MAX / 2);
        let shift = whole.len() as i64 - leading as i64;
        Decimal { negative, digits, exponent: power.saturating_add(shift) }
    }

    fn is_integer(&self) -> bool {
        self.digits.is_empty() || i64::try_from(self.digits.len()).is_ok_and(|length| length <= self.exponent)
    }

    fn as_i128(&self) -> Option<i128> {
        if !self.is_integer() || self.exponent > 20 {
            return None;
        }
        let size = usize::try_from(self.exponent).ok()?;
        let magnitude = self
            .digits
            .iter()
            .chain(std::iter::repeat(&b'0'))
            .take(size)
            .fold(0i128, |total, &digit| total * 10 + i128::from(digit - b'0'));
        Some(if self.negative { -magnitude } else { magnitude })
    }

    fn cmp(&self, other: &Decimal) -> Ordering {
        let sign = |number: &Decimal| match (number.digits.is_empty(), number.negative) {
            (true, _) => 0,
            (false, true) => -1,
            (false, false) => 1,
        };
        let magnitude = || self.exponent.cmp(&other.exponent).then_with(|| self.digits.cmp(&other.digits));
        sign(self).cmp(&sign(other)).then_with(|| match sign(self) {
            0 => Ordering::Equal,
            1 => magnitude(),
            _ => magnitude().reverse(),
        })
    }
}

/// The length of the whole part, and whether that is all there is; none if this is not a JSON number.
fn grammar(text: &[u8]) -> Option<(usize, bool)> {
    let unsigned = text.strip_prefix(b"-").unwrap_or(text);
    let (whole, rest) = digits(unsigned)?;
    if whole > 1 && unsigned.starts_with(b"0") {
        return None;
    }
    let mut plain = true;
    let mut rest = rest;
    if let Some(fraction) = rest.strip_prefix(b".") {
        plain = false;
        rest = digits(fraction)?.1;
    }
    if let Some(power) = rest.strip_prefix(b"e").or_else(|| rest.strip_prefix(b"E")) {
        plain = false;
        let power = power.strip_prefix(b"+").or_else(|| power.strip_prefix(b"-")).unwrap_or(power);
        rest = digits(power)?.1;
    }
    rest.is_empty().then_some((whole, plain))
}

/// One or more digits and what follows them.
fn digits(text: &[u8]) -> Option<(usize, &[u8])> {
    let length = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    (length > 0).then(|| (length, text.get(length..).unwrap_or_default()))
}
