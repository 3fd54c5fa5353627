//! Countries as people write them, and what is no time zone: `Brazil` for `BR`, `GMT+1`.

/// The code of a country and its names, in small letters.
const COUNTRIES: &[(&str, &[&str])] = &[
    ("BR", &["brazil", "brasil"]),
    ("PT", &["portugal"]),
    ("US", &["usa", "united states", "united states of america", "america", "estados unidos", "eua"]),
    ("GB", &["uk", "united kingdom", "great britain", "england", "reino unido", "inglaterra"]),
    ("ES", &["spain", "espanha", "españa"]),
    ("FR", &["france", "frança", "francia"]),
    ("DE", &["germany", "alemanha", "alemania", "deutschland"]),
    ("IT", &["italy", "itália", "italia"]),
    ("NL", &["netherlands", "holland", "holanda", "países baixos"]),
    ("BE", &["belgium", "bélgica"]),
    ("CH", &["switzerland", "suíça", "suiza"]),
    ("AT", &["austria", "áustria"]),
    ("IE", &["ireland", "irlanda"]),
    ("PL", &["poland", "polônia", "polonia"]),
    ("RU", &["russia", "rússia", "rusia"]),
    ("UA", &["ukraine", "ucrânia", "ucrania"]),
    ("TR", &["turkey", "türkiye", "turquia", "turquía"]),
    ("GR", &["greece", "grécia", "grecia"]),
    ("SE", &["sweden", "suécia", "suecia"]),
    ("NO", &["norway", "noruega"]),
    ("DK", &["denmark", "dinamarca"]),
    ("FI", &["finland", "finlândia", "finlandia"]),
    ("MX", &["mexico", "méxico"]),
    ("AR", &["argentina"]),
    ("CL", &["chile"]),
    ("CO", &["colombia", "colômbia"]),
    ("PE", &["peru", "perú"]),
    ("UY", &["uruguay", "uruguai"]),
    ("PY", &["paraguay", "paraguai"]),
    ("BO", &["bolivia", "bolívia"]),
    ("EC", &["ecuador", "equador"]),
    ("VE", &["venezuela"]),
    ("CR", &["costa rica"]),
    ("PA", &["panama", "panamá"]),
    ("CA", &["canada", "canadá"]),
    ("AU", &["australia", "austrália"]),
    ("NZ", &["new zealand", "nova zelândia", "nueva zelanda"]),
    ("JP", &["japan", "japão", "japón"]),
    ("CN", &["china"]),
    ("IN", &["india", "índia"]),
    ("ID", &["indonesia", "indonésia"]),
    ("PH", &["philippines", "filipinas"]),
    ("ZA", &["south africa", "áfrica do sul", "sudáfrica"]),
    ("AO", &["angola"]),
    ("MZ", &["mozambique", "moçambique"]),
    ("CV", &["cape verde", "cabo verde"]),
    ("NG", &["nigeria", "nigéria"]),
    ("KE", &["kenya", "quênia"]),
    ("EG", &["egypt", "egito", "egipto"]),
    ("MA", &["morocco", "marrocos", "marruecos"]),
    ("AE", &["united arab emirates", "uae", "emirados árabes unidos"]),
    ("SA", &["saudi arabia", "arábia saudita"]),
    ("IL", &["israel"]),
    ("KZ", &["kazakhstan", "cazaquistão"]),
    ("CZ", &["czechia", "czech republic"]),
    ("RO", &["romania", "romênia", "rumania"]),
    ("HU", &["hungary", "hungria", "hungría"]),
];

/// The two letters of a country's name.
pub(super) fn code(name: &str) -> Option<&'static str> {
    let name = name.trim().to_lowercase();
    COUNTRIES.iter().find(|(_, names)| names.contains(&&*name)).map(|(code, _)| *code)
}

/// What to write for an offset or an abbreviation: `GMT+1`, `-03:00`, `BRT`.
pub(super) fn of_no_place(written: &str) -> Option<String> {
    let text = written.trim();
    let is_offset = text.contains(|c: char| c.is_ascii_digit()) && !text.contains('/');
    let is_short = (2..=5).contains(&text.len()) && text.chars().all(|c| c.is_ascii_uppercase());
    (is_offset || is_short).then(|| {
        "name the zone by a city, as `America/Sao_Paulo` or `Europe/Lisbon`: it knows when the clocks change".to_owned()
    })
}
