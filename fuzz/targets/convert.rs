//! Any text as a phone number, a date, an address: what it becomes is of that form, and stays it when read again.

#![no_main]

use jackfield::convert::{self, Moment};
use jackfield::value::{Number, Value};
use libfuzzer_sys::fuzz_target;

const REGIONS: [Option<&str>; 6] = [None, Some("BR"), Some("US"), Some("RU"), Some("GB"), Some("FR")];
const ZONES: [&str; 4] = ["America/Sao_Paulo", "Europe/Moscow", "Asia/Kathmandu", "UTC"];

fuzz_target!(|bytes: &[u8]| {
    let text = &*String::from_utf8_lossy(bytes);
    // The first line is what an administrator writes: a region, a zone or a format.
    let (written, sent) = jackfield_fuzz::first_line(text);
    let value = Value::from(sent);
    for region in REGIONS.into_iter().chain([Some(written)]) {
        phone(&value, region);
    }
    for zone in ZONES.into_iter().chain([written]) {
        let Ok(timezone) = Moment::zone(zone) else { continue };
        moment(&value, &Moment { format: None, timezone: Some(timezone.clone()) });
        moment(&value, &Moment { format: Some(written.to_owned()), timezone: Some(timezone) });
    }
    if let Ok(email) = convert::email(&value) {
        assert_eq!(convert::email(&Value::from(email.as_str())), Ok(email));
    }
    if let Ok(url) = convert::url(&value) {
        assert_eq!(convert::url(&Value::from(url.as_str())), Ok(url));
    }
    if let Ok(digits) = convert::digits(&value) {
        assert!(digits.bytes().all(|byte| byte.is_ascii_digit()));
    }
    if let Ok(Value::Number(number)) = convert::number(&value) {
        assert_eq!(number.text(), sent.trim(), "every digit is kept");
        compare(&number);
    }
    let _ = (convert::integer(&value), convert::boolean(&value));
});

fn phone(value: &Value, region: Option<&str>) {
    if let Ok(phone) = convert::phone(value, region) {
        let rest = phone.strip_prefix('+').expect("it is international");
        assert!(!rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_digit()), "{phone}");
        assert_eq!(convert::phone(&Value::from(phone.as_str()), None).as_ref(), Ok(&phone));
    }
}

fn moment(value: &Value, how: &Moment) {
    if let Ok(text) = convert::datetime(value, how) {
        let again = Moment { format: None, ..how.clone() };
        assert_eq!(convert::datetime(&Value::from(text.as_str()), &again).as_ref(), Ok(&text));
    }
}

fn compare(number: &Number) {
    assert_eq!(number, number);
    for other in ["0", "-1", "9223372036854775808", "1e400", "0.1"].iter().filter_map(|text| Number::parse(text)) {
        assert_eq!(number.cmp(&other), other.cmp(number).reverse());
        if let (Some(one), Some(two)) = (number.as_i64(), other.as_i64()) {
            assert_eq!(one.cmp(&two), number.cmp(&other));
        }
    }
    assert_eq!(number.as_i64().is_some() || number.as_u64().is_some(), number.is_integer() && small(number));
}

fn small(number: &Number) -> bool {
    let least = Number::from(i64::MIN);
    let most = Number::from(u64::MAX);
    *number >= least && *number <= most
}
