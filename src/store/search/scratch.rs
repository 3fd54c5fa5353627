//! Words in memory: of events that the index does not know, and of what somebody looks for.

use std::collections::BTreeSet;

use rusqlite::{Connection, params};

use super::super::error::StoreError;

/// How texts are taken apart into words, here and in the index: without case and accents.
pub(super) const TOKENIZER: &str = "unicode61 remove_diacritics 2";

/// The numbers of those among these events that have all that is asked for.
pub(super) fn matching(events: &[(i64, String)], asked: &str) -> Result<BTreeSet<i64>, StoreError> {
    let connection = filled(events.iter().map(|(seq, words)| (*seq, words.as_str())))?;
    let mut statement = connection.prepare("SELECT rowid FROM texts WHERE texts MATCH ?1")?;
    Ok(statement.query_map([asked], |row| row.get(0))?.collect::<Result<_, _>>()?)
}

/// The words of a text, each once.
pub(super) fn terms(text: &str) -> Result<Vec<String>, StoreError> {
    let connection = filled([(1, text)].into_iter())?;
    connection.execute_batch("CREATE VIRTUAL TABLE terms USING fts5vocab(texts, row)")?;
    let mut statement = connection.prepare("SELECT term FROM terms ORDER BY term")?;
    Ok(statement.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?)
}

fn filled<'w>(words: impl Iterator<Item = (i64, &'w str)>) -> Result<Connection, StoreError> {
    let connection = Connection::open_in_memory()?;
    connection.execute_batch(&format!(
        "CREATE VIRTUAL TABLE texts USING fts5(words, content='', detail=none, tokenize=\"{TOKENIZER}\"); BEGIN"
    ))?;
    let mut insert = connection.prepare("INSERT INTO texts (rowid, words) VALUES (?1, ?2)")?;
    for (seq, words) in words {
        insert.execute(params![seq, words])?;
    }
    drop(insert);
    connection.execute_batch("COMMIT")?;
    Ok(connection)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_without_case_and_accents() {
        assert_eq!(terms("Zoé SOUZA-Lima, 2x zoe").unwrap(), ["2x", "lima", "souza", "zoe"]);
        assert_eq!(terms("*** \"").unwrap(), [""; 0]);
    }

    #[test]
    fn what_has_all_words_is_found() {
        let events = [(7, "Ana Souza".to_owned()), (9, "ana lima".to_owned())];
        assert_eq!(matching(&events, "\"ana\"").unwrap(), [7, 9].into());
        assert_eq!(matching(&events, "\"ana\" AND \"souza\"").unwrap(), [7].into());
    }
}
