//! What a value becomes: phone numbers, dates, truth values and the like, from what forms and phone systems send.

pub mod format;
pub mod zone;

use std::borrow::Cow;

use jiff::civil;
use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};

use crate::value::{Number, Value};

/// A value that can't be made into what is wanted. Never holds the value itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unfit {
    pub message: String,
    pub help: Option<String>,
}

impl Unfit {
    pub fn new(message: impl Into<String>) -> Self {
        Unfit { message: message.into(), help: None }
    }

    pub fn help(mut self, text: impl Into<String>) -> Self {
        self.help = Some(text.into());
        self
    }
}

/// A text's sort and length, to speak of it without showing it: `a text of 12 characters`.
pub fn describe(value: &Value) -> String {
    match value {
        Value::String(text) => format!("a text of {} characters", text.chars().count()),
        Value::Array(items) => format!("a list of {} items", items.len()),
        Value::Number(_) => "a number".to_owned(),
        Value::Bool(_) => "true or false".to_owned(),
        Value::Object(_) => "an object".to_owned(),
        Value::Null => "null".to_owned(),
    }
}

/// The text of a single value.
pub fn text(value: &Value) -> Result<String, Unfit> {
    text_of(value).map(Cow::into_owned)
}

/// The same, where a text is as it stands.
pub fn text_of(value: &Value) -> Result<Cow<'_, str>, Unfit> {
    match value {
        Value::String(text) => Ok(Cow::Borrowed(text)),
        Value::Number(number) => Ok(number.text()),
        Value::Bool(flag) => Ok(Cow::Borrowed(if *flag { "true" } else { "false" })),
        _ => Err(Unfit::new(format!("{} is not a text", describe(value)))),
    }
}

/// What helps where a number that is not whole is read as one.
pub const FRACTION: &str = "it is a fraction: write `as: number`";

/// A whole number; also from a text that is one.
pub fn integer(value: &Value) -> Result<Value, Unfit> {
    let number = number(value)?;
    match number.as_number().is_some_and(Number::is_integer) {
        true => Ok(number),
        false => Err(Unfit::new(format!("{} is not a whole number", describe(value))).help(FRACTION)),
    }
}

/// A number; also from a text that is one.
pub fn number(value: &Value) -> Result<Value, Unfit> {
    let parsed = match value {
        Value::Number(number) => Some(number.clone()),
        Value::String(text) => Number::parse(text.trim()),
        _ => None,
    };
    parsed.map(Value::Number).ok_or_else(|| {
        Unfit::new(format!("{} is not a number", describe(value))).help("a number is written like `12` or `12.50`")
    })
}

/// True or false; also from the words and digits that forms send.
pub fn boolean(value: &Value) -> Result<Value, Unfit> {
    let word = match value {
        Value::Bool(_) => return Ok(value.clone()),
        Value::String(text) => text.trim().to_lowercase(),
        Value::Number(number) => number.text().into_owned(),
        _ => String::new(),
    };
    match word.as_str() {
        "true" | "1" | "yes" | "on" | "sim" | "oui" | "si" | "sí" => Ok(Value::Bool(true)),
        "false" | "0" | "no" | "off" | "não" | "nao" | "non" => Ok(Value::Bool(false)),
        _ => Err(Unfit::new(format!("{} is neither true nor false", describe(value)))
            .help("use `map: { … }` to say what each value stands for")),
    }
}

/// A phone number in the international form, `+5511999990000`. `region` is the country of one written without it.
pub fn phone(value: &Value, region: Option<&str>) -> Result<String, Unfit> {
    let written = text_of(value)?;
    let written = written.trim();
    // Senders put a channel before the number: `whatsapp:+5511…`, `tel:+55…`, `sip:`.
    let bare = written.split_once(':').map_or(written, |(_, rest)| rest);
    let country = match region {
        Some(region) => Some(region.parse().map_err(|_| no_region())?),
        None => None,
    };
    let parsed = phonenumber::parse(country, bare).or_else(|error| match (country, with_country(bare)) {
        (None, Some(whole)) => phonenumber::parse(None, whole),
        _ => Err(error),
    });
    let written = parsed.ok().filter(|number| number.is_valid()).map(|number| international(&number));
    // What others can't read again is no number, however much the reader makes of a text.
    match written.filter(|text| {
        phonenumber::parse(None, text).is_ok_and(|again| again.is_valid() && international(&again) == *text)
    }) {
        Some(text) => Ok(text),
        None => {
            let unfit = Unfit::new(format!("{} is not a phone number", describe(value)));
            Err(match region {
                _ if bare.trim_start().starts_with('+') => {
                    unfit.help("a number with `+` names its country itself; this one has too many or too few digits, or none in use")
                }
                None => Unfit::new(format!("{} is not a phone number with its country", describe(value)))
                    .help("say the country of numbers that are written without one: `region: BR`"),
                Some(region) => unfit.help(format!("it was read as a number of region `{region}`")),
            })
        }
    }
}

/// A number that begins with its country, and has no `+`. With fewer digits than twelve it is most often one without a
/// country: `81999990000` is of Recife, and would be one of Japan.
fn with_country(bare: &str) -> Option<String> {
    let bare = bare.trim();
    if let Some(rest) = bare.strip_prefix("00") {
        return Some(format!("+{rest}"));
    }
    let is_whole = bare.len() >= 12 && !bare.starts_with('0') && bare.chars().all(|c| c.is_ascii_digit());
    is_whole.then(|| format!("+{bare}"))
}

/// The region may be one that an event brought, so it is not shown.
fn no_region() -> Unfit {
    Unfit::new("there is no such region").help("a region is two capital letters, such as `BR`")
}

fn international(number: &phonenumber::PhoneNumber) -> String {
    number.format().mode(phonenumber::Mode::E164).to_string()
}

/// The digits of a text; one without any is unfit.
pub fn digits(value: &Value) -> Result<String, Unfit> {
    let digits: String = match value {
        Value::Number(number) => whole_digits(number)
            .ok_or_else(|| Unfit::new(format!("{} that is not whole is no row of digits", describe(value))))?,
        _ => text(value)?.chars().filter(char::is_ascii_digit).collect(),
    };
    match digits.is_empty() {
        true => Err(Unfit::new(format!("{} has no digits", describe(value)))),
        false => Ok(digits),
    }
}

/// The digits of a whole number, however it is written: those of `1e3` are `1000`.
fn whole_digits(number: &Number) -> Option<String> {
    let written = number.text();
    let is_plain = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    match written.trim_start_matches('-') {
        plain if is_plain(plain) => Some(plain.to_owned()),
        _ => number.as_i64().map(|number| number.unsigned_abs().to_string()),
    }
}

/// An e-mail address, trimmed, without the `mailto:` that a link has before it.
pub fn email(value: &Value) -> Result<String, Unfit> {
    let text = text_of(value)?;
    let text = text.trim();
    let is_link = text.get(..7).is_some_and(|scheme| scheme.eq_ignore_ascii_case("mailto:"));
    let text = text.get(if is_link { 7 } else { 0 }..).unwrap_or_default().to_owned();
    let good = text.split_once('@').is_some_and(|(name, host)| {
        !name.is_empty()
            && host.contains('.')
            && !host.starts_with('.')
            && !host.ends_with('.')
            && !host.contains('@')
            && !text.contains(char::is_whitespace)
    });
    match good {
        true => Ok(text),
        false => Err(Unfit::new(format!("{} is not an e-mail address", describe(value)))),
    }
}

/// An address of the web.
pub fn url(value: &Value) -> Result<String, Unfit> {
    let text = text(value)?.trim().to_owned();
    match is_web_address(&text) {
        true => Ok(text),
        false => Err(Unfit::new(format!("{} is not an address of the web", describe(value)))
            .help("an address begins with `https://` or `http://`")),
    }
}

fn is_web_address(text: &str) -> bool {
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    rest.is_some_and(|rest| !rest.is_empty() && !rest.starts_with('/') && !text.contains(char::is_whitespace))
}

/// How a moment is written when the sender does not say more.
#[derive(Clone, Debug, Default)]
pub struct Moment {
    /// How the sender writes it, as `%d/%m/%Y %H:%M`.
    pub format: Option<String>,
    /// The zone of a moment written without one, and of the result.
    pub timezone: Option<TimeZone>,
}

impl Moment {
    /// A zone by its name, `America/Sao_Paulo`.
    pub fn zone(name: &str) -> Result<TimeZone, Unfit> {
        TimeZone::get(name).map_err(|_| {
            Unfit::new(format!("there is no time zone `{name}`")).help("a zone is written like `America/Sao_Paulo`")
        })
    }

    fn timezone(&self) -> TimeZone {
        self.timezone.clone().unwrap_or(TimeZone::UTC)
    }
}

/// A moment from a text or from seconds or milliseconds since 1970.
pub fn moment(value: &Value, how: &Moment) -> Result<Zoned, Unfit> {
    let written = text_of(value)?;
    let written = written.trim();
    let zone = how.timezone();
    let found = match &how.format {
        Some(format) => with_format(written, format, &zone),
        None => epoch(written).map(|t| t.to_zoned(zone.clone())).or_else(|| free(written, &zone)),
    };
    found.ok_or_else(|| {
        let unfit = Unfit::new(format!("{} is not a date", describe(value)));
        match &how.format {
            Some(format) => unfit.help(format!(
                "it was read with `format: \"{format}\"`; write each part as the sender does: `%d` the day, `%m` the month, \
                 `%Y` the year, `%H:%M:%S` the time"
            )),
            None => unfit.help("say how it is written: `format: \"%d/%m/%Y %H:%M\"`"),
        }
    })
}

/// RFC 3339 with the zone's offset: `2026-01-15T12:34:56-03:00`, to the second.
pub fn datetime(value: &Value, how: &Moment) -> Result<String, Unfit> {
    moment(value, how).map(|moment| rfc3339(&moment))
}

pub fn rfc3339(moment: &Zoned) -> String {
    match moment.time_zone() == &TimeZone::UTC {
        true => moment.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
        false => moment.strftime("%Y-%m-%dT%H:%M:%S%:z").to_string(),
    }
}

/// Whole numbers are seconds; milliseconds when they have twelve digits or more, and microseconds when they have fifteen.
fn epoch(written: &str) -> Option<Timestamp> {
    let number: i64 = written.split('.').next()?.parse().ok()?;
    let only_digits = written.chars().all(|c| c.is_ascii_digit() || c == '.') && written.len() >= 9;
    match number {
        _ if !only_digits => None,
        100_000_000_000_000.. => Timestamp::from_microsecond(number).ok(),
        100_000_000_000.. => Timestamp::from_millisecond(number).ok(),
        _ => Timestamp::from_second(number).ok(),
    }
}

fn with_format(written: &str, format: &str, zone: &TimeZone) -> Option<Zoned> {
    if let Ok(moment) = Zoned::strptime(format, written) {
        return Some(moment.with_time_zone(zone.clone()));
    }
    let broken = jiff::fmt::strtime::parse(format, written).ok()?;
    if let Ok(moment) = broken.to_timestamp() {
        return Some(moment.to_zoned(zone.clone()));
    }
    let day = broken.to_date().ok()?;
    let time = broken.to_time().unwrap_or(civil::Time::midnight());
    day.to_datetime(time).to_zoned(zone.clone()).ok()
}

/// What senders write: RFC 3339 with `T` or a space, RFC 2822, and the same without a zone.
fn free(written: &str, zone: &TimeZone) -> Option<Zoned> {
    if let Ok(moment) = written.parse::<Timestamp>() {
        return Some(moment.to_zoned(zone.clone()));
    }
    if let Ok(moment) = jiff::fmt::rfc2822::parse(written) {
        return Some(moment.with_time_zone(zone.clone()));
    }
    if let Some(moment) = apart(written) {
        return Some(moment.to_zoned(zone.clone()));
    }
    if let Ok(moment) = written.parse::<civil::DateTime>() {
        return moment.to_zoned(zone.clone()).ok();
    }
    written.parse::<civil::Date>().ok()?.to_zoned(zone.clone()).ok()
}

/// `2018-01-18 18:07:02 +0000`, `… UTC`: the zone stands apart, as Ruby and PostgreSQL write it.
fn apart(written: &str) -> Option<Timestamp> {
    let (moment, zone) = written.rsplit_once(' ')?;
    let zone = match zone {
        "UTC" | "GMT" | "Z" => "Z".to_owned(),
        zone if zone.starts_with(['+', '-']) => zone.to_owned(),
        _ => return None,
    };
    format!("{}{zone}", moment.trim_end()).parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Value {
        Value::from(text)
    }

    #[test]
    fn phones_of_several_countries_become_international() {
        let cases = [
            ("(11) 99999-0000", Some("BR"), "+5511999990000"),
            ("48 3025 2598", Some("BR"), "+554830252598"),
            ("+33 6 12 34 56 78", None, "+33612345678"),
            ("06 12 34 56 78", Some("FR"), "+33612345678"),
            ("8 (912) 345-67-89", Some("RU"), "+79123456789"),
            ("(415) 555-2671", Some("US"), "+14155552671"),
            ("whatsapp:+5511999990000", None, "+5511999990000"),
            ("5511999990000", None, "+5511999990000"),
            ("0033 6 12 34 56 78", None, "+33612345678"),
            ("33612345678", Some("FR"), "+33612345678"),
        ];
        for (written, region, wanted) in cases {
            assert_eq!(phone(&of(written), region).as_deref(), Ok(wanted), "{written}");
        }
    }

    #[test]
    fn what_is_no_phone_is_refused_without_being_shown() {
        assert!(phone(&of("909009707199;BE254740999312199;BE254740993123"), Some("BR")).is_err());
        let unfit = phone(&of("[tg] 807892"), Some("BR")).unwrap_err();
        assert_eq!(unfit.message, "a text of 11 characters is not a phone number");
    }

    #[test]
    fn a_number_without_its_country_is_none_of_another_one() {
        for local in ["81 99999-0000", "81999990000", "33999990000", "(11) 99999-0000"] {
            let unfit = phone(&of(local), None).unwrap_err();
            assert!(unfit.message.ends_with(" is not a phone number with its country"), "{local}: {unfit:?}");
        }
    }

    #[test]
    fn moments_are_read_as_senders_write_them() {
        let brazil = Moment { format: None, timezone: Some(TimeZone::get("America/Sao_Paulo").unwrap()) };
        let utc = Moment::default();
        let cases = [
            ("2026-01-15 12:34:56", &brazil, "2026-01-15T12:34:56-03:00"),
            ("2026-01-15T12:34:56.123Z", &utc, "2026-01-15T12:34:56Z"),
            ("2023-01-31 16:22:17.327878+00:00", &utc, "2023-01-31T16:22:17Z"),
            ("Fri, 19 Feb 2021 20:08:49 +0000", &utc, "2021-02-19T20:08:49Z"),
            ("1462216307945", &utc, "2016-05-02T19:11:47Z"),
            ("1515666344534355", &utc, "2018-01-11T10:25:44Z"),
            ("2018-01-18 18:07:02 +0000", &utc, "2018-01-18T18:07:02Z"),
            ("2018-01-18 18:07:02 -0300", &utc, "2018-01-18T21:07:02Z"),
            ("2018-01-18 18:07:02.5 UTC", &brazil, "2018-01-18T16:07:02-02:00"),
            ("1456824464", &utc, "2016-03-01T09:27:44Z"),
            ("2026-01-15", &utc, "2026-01-15T00:00:00Z"),
        ];
        for (written, how, wanted) in cases {
            assert_eq!(datetime(&of(written), how).as_deref(), Ok(wanted), "{written}");
        }
        let own = Moment { format: Some("%d/%m/%Y %H:%M".into()), ..brazil };
        assert_eq!(datetime(&of("15/01/2026 08:05"), &own).as_deref(), Ok("2026-01-15T08:05:00-03:00"));
    }

    #[test]
    fn digits_are_those_of_whole_numbers_and_of_texts() {
        let number = |text: &str| Value::Number(Number::parse(text).unwrap());
        let cases = [
            (number("1e3"), Ok("1000")),
            (number("12.0"), Ok("12")),
            (number("4150868000003241045"), Ok("4150868000003241045")),
            (of("+55 (11) 9-9"), Ok("551199")),
            (number("-1.5"), Err("a number that is not whole is no row of digits")),
            (of("none"), Err("a text of 4 characters has no digits")),
        ];
        for (value, wanted) in cases {
            let found = digits(&value).map_err(|unfit| unfit.message);
            assert_eq!(found.as_deref().map_err(String::as_str), wanted);
        }
    }

    #[test]
    fn an_address_is_taken_out_of_its_link() {
        assert_eq!(email(&of(" mailto:ana@example.com")).as_deref(), Ok("ana@example.com"));
        assert_eq!(email(&of("MailTo:ana@example.com")).as_deref(), Ok("ana@example.com"));
        assert!(email(&of("mailto:")).is_err());
    }

    #[test]
    fn truth_is_read_from_what_forms_send() {
        assert_eq!(boolean(&of("Sim")), Ok(Value::Bool(true)));
        assert_eq!(boolean(&of("false")), Ok(Value::Bool(false)));
        assert!(boolean(&of("maybe")).is_err());
    }
}
