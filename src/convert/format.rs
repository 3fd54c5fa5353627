//! How a date is written: which formats can be read, and what to write for those of other tools.

use jiff::Zoned;
use jiff::civil::date;
use jiff::tz::TimeZone;

use super::{Unfit, with_format};

/// The parts of a date as other tools name them, the longest first.
const PARTS: &[(&str, &str)] = &[
    ("yyyy", "%Y"),
    ("aaaa", "%Y"),
    ("jjjj", "%Y"),
    ("yy", "%y"),
    ("MMMM", "%B"),
    ("MMM", "%b"),
    ("mmmm", "%B"),
    ("mmm", "%b"),
    ("dddd", "%A"),
    ("ddd", "%a"),
    ("EEEE", "%A"),
    ("EEE", "%a"),
    ("dd", "%d"),
    ("jj", "%d"),
    ("hh", "%H"),
    ("ss", "%S"),
    ("SSS", "%3f"),
    ("ZZ", "%z"),
    ("XXX", "%:z"),
];

/// A format with which some date could be read.
pub fn check(format: &str) -> Result<(), Unfit> {
    let unfit = || Unfit::new(format!("no date can be read with the format `{format}`"));
    if matches!(
        &*format.to_lowercase().replace(['-', '_', ' '], ""),
        "iso" | "iso8601" | "rfc3339" | "rfc2822" | "unix" | "epoch" | "timestamp"
    ) {
        return Err(unfit().help("remove `format`: dates of this kind are read without it"));
    }
    if !format.contains('%') {
        let help = match of_other_tools(format) {
            Some(ours) => format!("write `\"{ours}\"`"),
            None => {
                "write it with `%`: `\"%d/%m/%Y\"` for 31/12/2026, `\"%Y-%m-%d %H:%M:%S\"` with the time".to_owned()
            }
        };
        return Err(unfit().help(help));
    }
    if let Some(confused) = confused(format).filter(|_| with_time_in_capitals(format) == format) {
        return Err(Unfit::new(confused.message()).help(format!("write `\"{}\"`", confused.format)));
    }
    let mended = with_time_in_capitals(format);
    let text = written(format);
    let is_read = text.as_ref().is_some_and(|text| with_format(text, format, &TimeZone::UTC).is_some());
    match (is_read, mended != format) {
        (_, true) => Err(unfit().help(format!("hours, minutes and seconds are `%H:%M:%S`: write `\"{mended}\"`"))),
        (true, false) => Ok(()),
        (false, false) if text.is_none() => Err(unfit().help(
            "its parts are `%d` for the day, `%m` for the month, `%Y` for the year, `%H` for the hour, `%M` for the minute and \
             `%S` for the second",
        )),
        (false, false) => Err(unfit().help("it must name day, month and year: `\"%d/%m/%Y\"`")),
    }
}

/// A format in which one part of a date stands for another, and what it was meant to be.
#[derive(Debug, PartialEq, Eq)]
pub struct Confused {
    pub format: String,
    /// The letter that stands there, and the one that was meant.
    first: (char, char),
}

impl Confused {
    pub fn message(&self) -> String {
        let word = |letter: char| match letter {
            'M' => "the minute",
            'm' => "the month",
            'h' => "the short name of the month",
            'H' => "the hour",
            's' => "the seconds since 1970",
            'S' => "the second",
            'D' => "a whole date",
            _ => "the day",
        };
        let (found, meant) = self.first;
        format!("`%{found}` is {}; {} is `%{meant}`", word(found), word(meant))
    }
}

/// `%d/%M/%Y` and `%h:%m`, which are read and written without a complaint.
pub fn confused(format: &str) -> Option<Confused> {
    let parts = parts_of(format);
    let (mut letters, mut first): (Vec<char>, _) = (parts.iter().map(|part| part.letter).collect(), None);
    for (index, part) in parts.iter().enumerate() {
        let before = index.checked_sub(1).and_then(|before| letters.get(before).copied());
        let next = parts.get(index + 1);
        let (after, gap) = next.map_or((None, ""), |next| (Some(next.letter), next.gap));
        let Some(meant) = meant_part(part, before, after, gap) else { continue };
        first = first.or(Some((part.letter, meant)));
        letters.iter_mut().skip(index).take(1).for_each(|letter| *letter = meant);
    }
    let mut ours = format.to_owned();
    for (part, letter) in parts.iter().zip(&letters) {
        ours.replace_range(part.at..part.at + 1, &letter.to_string());
    }
    Some(Confused { format: ours, first: first? })
}

/// What a part was meant to be, by those beside it; `gap` is what stands before the next one.
fn meant_part(part: &Part<'_>, before: Option<char>, after: Option<char>, gap: &str) -> Option<char> {
    let is_date = |letter: Option<char>| matches!(letter, Some('d' | 'e' | 'Y' | 'y' | 'b' | 'B'));
    let is_hour = |letter: Option<char>| matches!(letter, Some('H' | 'I' | 'k' | 'l'));
    let joins_dates = |gap: &str| matches!(gap, "/" | "-" | ".");
    match part.letter {
        'M' if is_date(before) && joins_dates(part.gap) => Some('m'),
        'M' if is_date(after) && joins_dates(gap) && !is_hour(before) => Some('m'),
        'm' if is_hour(before) && matches!(part.gap, ":" | "." | "h") => Some('M'),
        'h' if matches!(after, Some('m' | 'M')) && gap == ":" => Some('H'),
        's' if before == Some('M') && part.gap == ":" => Some('S'),
        'D' if matches!(after, Some('m' | 'M')) && joins_dates(gap) => Some('d'),
        _ => None,
    }
}

/// One part of a format.
struct Part<'f> {
    letter: char,
    /// Where the letter stands.
    at: usize,
    /// What stands between it and the part before.
    gap: &'f str,
}

fn parts_of(format: &str) -> Vec<Part<'_>> {
    let (mut parts, mut done, mut signs) = (Vec::new(), 0, format.char_indices().peekable());
    while let Some((start, sign)) = signs.next() {
        if sign != '%' {
            continue;
        }
        let is_flag = |c: char| c.is_ascii_digit() || matches!(c, '-' | '_' | '^' | '#' | ':' | '.');
        while signs.next_if(|(_, c)| is_flag(*c)).is_some() {}
        let Some((at, letter)) = signs.next() else { break };
        if letter.is_ascii_alphabetic() {
            parts.push(Part { letter, at, gap: format.get(done..start).unwrap_or_default() });
        }
        done = at + letter.len_utf8();
    }
    parts
}

/// The format in which a text is a date; of a day and a month that may be either, the day comes first.
pub fn guess(text: &str) -> Option<&'static str> {
    const KNOWN: &[&str] = &[
        "%d/%m/%Y %H:%M:%S",
        "%d/%m/%Y %H:%M",
        "%d/%m/%Y",
        "%m/%d/%Y %H:%M:%S",
        "%m/%d/%Y %H:%M",
        "%m/%d/%Y",
        "%d.%m.%Y %H:%M",
        "%d.%m.%Y",
        "%d-%m-%Y %H:%M",
        "%d-%m-%Y",
        "%Y/%m/%d %H:%M:%S",
        "%Y/%m/%d %H:%M",
        "%Y/%m/%d",
        "%d/%m/%y",
        "%B %d, %Y",
        "%b %d, %Y",
        "%d %B %Y",
        "%d %b %Y",
    ];
    KNOWN.iter().copied().find(|format| with_format(text.trim(), format, &TimeZone::UTC).is_some())
}

/// A date as the format writes it.
fn written(format: &str) -> Option<String> {
    let moment: Zoned = date(2026, 3, 14).at(15, 9, 26, 0).to_zoned(TimeZone::UTC).ok()?;
    jiff::fmt::strtime::BrokenDownTime::from(&moment).to_string(format).ok()
}

/// `%h:%m:%s` and `%H:%i:%s`, where the time is meant.
fn with_time_in_capitals(format: &str) -> String {
    let hours = format.replace("%h:", "%H:").replace("%G:", "%H:");
    let seconds = hours.replace(":%s", ":%S");
    seconds.replace(":%m", ":%M").replace(":%i", ":%M")
}

/// `DD/MM/YYYY HH:mm` of forms and spreadsheets, `d/m/Y H:i` of PHP.
fn of_other_tools(format: &str) -> Option<String> {
    let known =
        if format.chars().any(|c| c == 'Y') && !format.contains("YY") { of_php(format) } else { of_letters(format) };
    known.filter(|ours| check(ours).is_ok())
}

fn of_php(format: &str) -> Option<String> {
    let part = |c: char| match c {
        'd' | 'j' => "%d".to_owned(),
        'm' | 'n' => "%m".to_owned(),
        'i' => "%M".to_owned(),
        's' => "%S".to_owned(),
        'Y' | 'H' | 'y' => format!("%{c}"),
        'G' => "%H".to_owned(),
        'h' | 'g' => "%I".to_owned(),
        'A' | 'a' => "%p".to_owned(),
        other => other.to_string(),
    };
    Some(format.chars().map(part).collect())
}

fn of_letters(format: &str) -> Option<String> {
    let mut ours = String::new();
    let mut rest = format;
    let mut after_hours = false;
    while let Some(first) = rest.chars().next() {
        let run = rest.len() - rest.trim_start_matches(first).len();
        let (part, tail) = rest.split_at_checked(run)?;
        let found =
            PARTS.iter().find(|(theirs, _)| *theirs == part || theirs.eq_ignore_ascii_case(part) && *theirs != "SSS");
        match (part, found) {
            ("MM" | "mm" | "m" | "M", _) => ours.push_str(if after_hours { "%M" } else { "%m" }),
            ("d" | "D", _) => ours.push_str("%d"),
            ("H" | "h", _) => ours.push_str("%H"),
            ("s", _) => ours.push_str("%S"),
            ("SSS", _) => ours.push_str("%3f"),
            ("T" | "Z", _) => ours.push_str(part),
            (_, Some((_, part))) => ours.push_str(part),
            _ if first.is_alphabetic() => return None,
            _ => ours.push_str(part),
        }
        after_hours = match first {
            'h' | 'H' => true,
            c if c.is_alphabetic() => false,
            _ => after_hours,
        };
        rest = tail;
    }
    Some(ours)
}

#[cfg(test)]
mod tests {
    use super::{check, confused};

    #[test]
    fn parts_that_stand_for_others_are_seen_by_those_beside_them() {
        let cases = [
            ("%d/%M/%Y %H:%M", "%d/%m/%Y %H:%M"),
            ("%Y-%M-%d", "%Y-%m-%d"),
            ("%M/%d/%Y", "%m/%d/%Y"),
            ("%h:%m", "%H:%M"),
            ("%H:%m", "%H:%M"),
            ("%d.%m.%Y, %H.%m", "%d.%m.%Y, %H.%M"),
            ("%H:%M:%s", "%H:%M:%S"),
            ("%D/%m/%Y", "%d/%m/%Y"),
        ];
        for (format, meant) in cases {
            assert_eq!(confused(format).map(|found| found.format).as_deref(), Some(meant), "{format}");
        }
        for format in [
            "%d/%m/%Y %H:%M",
            "%H:%M",
            "%H.%M %d.%m.",
            "%-d/%-m/%y",
            "%F %T",
            "%d %h %Y",
            "%M min",
            "%H:%M-%d/%m",
            "%s",
        ] {
            assert_eq!(confused(format), None, "{format}");
        }
    }

    #[test]
    fn formats_of_other_tools_bring_ours() {
        let cases = [
            ("DD/MM/YYYY", "write `\"%d/%m/%Y\"`"),
            ("dd/mm/yyyy hh:mm", "write `\"%d/%m/%Y %H:%M\"`"),
            ("yyyy-MM-dd HH:mm:ss", "write `\"%Y-%m-%d %H:%M:%S\"`"),
            ("Y-m-d H:i:s", "write `\"%Y-%m-%d %H:%M:%S\"`"),
            ("DD.MM.YY", "write `\"%d.%m.%y\"`"),
            ("%Y-%m-%d %H:%i:%s", "hours, minutes and seconds are `%H:%M:%S`: write `\"%Y-%m-%d %H:%M:%S\"`"),
            ("%Y-%m-%d %h:%m:%s", "hours, minutes and seconds are `%H:%M:%S`: write `\"%Y-%m-%d %H:%M:%S\"`"),
            ("%H:%M", "it must name day, month and year: `\"%d/%m/%Y\"`"),
            ("ISO8601", "remove `format`: dates of this kind are read without it"),
        ];
        for (format, help) in cases {
            assert_eq!(check(format).unwrap_err().help.as_deref(), Some(help), "{format}");
        }
    }

    #[test]
    fn formats_that_read_a_date_are_good() {
        for format in [
            "%d/%m/%Y",
            "%d/%m/%Y %H:%M",
            "%Y-%m-%dT%H:%M:%S%z",
            "%Y-%m-%d %H:%M:%S%.f",
            "%b %d, %Y %I:%M %p",
            "%s",
            "%A, %d %B %Y",
            "%F %T",
            "%d.%m.%y",
            "%Y%m%d%H%M%S",
        ] {
            assert_eq!(check(format), Ok(()), "{format}");
        }
    }
}
