//! The long text of each code: what it means, what to do, and an example that is wrong beside one that is right.

use super::Code;

/// What a code's file says.
#[derive(Debug)]
pub struct Explanation {
    /// Why Jackfield minds and what to do, in paragraphs.
    pub text: &'static str,
    pub examples: Vec<Example>,
}

/// The lines that matter of one file of the workspace.
#[derive(Debug)]
pub struct Example {
    pub language: &'static str,
    pub part: Part,
    pub file: &'static str,
    pub lines: &'static str,
}

/// What an example is there for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// It is the same in both cases.
    Given,
    Wrong,
    Right,
}

/// Reads the code's file: text, then fenced blocks whose first line is `language part file`.
pub fn of(code: Code) -> Explanation {
    let mut pieces = code.explanation().split("```");
    let text = pieces.next().unwrap_or_default().trim();
    Explanation { text, examples: pieces.step_by(2).filter_map(example).collect() }
}

fn example(block: &'static str) -> Option<Example> {
    let (head, lines) = block.split_once('\n')?;
    let mut words = head.split(' ');
    let (language, part, file) = (words.next()?, words.next()?, words.next()?);
    let part = match part {
        "given" => Part::Given,
        "wrong" => Part::Wrong,
        "right" => Part::Right,
        _ => return None,
    };
    Some(Example { language, part, file, lines })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_is_a_text_and_examples() {
        for code in Code::ALL {
            let (file, found) = (code.explanation(), of(*code));
            assert!(!found.text.is_empty(), "{code} has no text");
            assert_eq!(file.matches("```").count(), 2 * found.examples.len(), "{code} has a block that isn't read");
            let between: String = file.split("```").skip(2).step_by(2).collect();
            assert!(between.trim().is_empty(), "{code} has text behind its examples: {between}");
            for part in [Part::Wrong, Part::Right] {
                assert!(found.examples.iter().any(|example| example.part == part), "{code} has no {part:?} example");
            }
        }
    }

    #[test]
    fn every_file_has_a_code() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/src/diagnostic/explain");
        for entry in std::fs::read_dir(folder).unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            let is_of = |code: &Code| name == format!("{code}.md");
            assert!(Code::ALL.iter().any(is_of), "{name} explains no code");
        }
    }
}
