//! Words of Spanish and English to what their forms have in common: `compruebo`, `compruebe`, `comprobar`, `comprobación` → `comprob`;
//! `charging`, `charged`, `charger` → `charg`.
//!
//! Manuals write in the imperative and in nouns what people ask in the first person. Endings come off as far as four letters and more
//! are left (after Porter 1980 and Savoy 2006, "Light stemming approaches for the French, Portuguese, German and Hungarian languages");
//! then the spellings of one Spanish root are joined: `ue`/`o`, `ie`/`e`, `qu`/`c`, `gu`/`g`, `z`/`c`. The language of a single word is
//! not known, so that every word goes through all of it; what matters is that question and passage go the same way.

/// Words below this are as they are.
const SHORTEST_STEMMED: usize = 5;
/// Letters that stay.
const SHORTEST_ROOT: usize = 4;

/// Endings of nouns made of verbs, then of the verbs themselves; of each list the first that fits comes off.
const NOUNS: [&str; 9] = [
    "amiento", "imiento", "aciones", "acion", "icion", "ation", "adora", "ador", "mente",
];
const ENGLISH_VERBS: [&str; 2] = ["ing", "ed"];
const SPANISH_VERBS: [&str; 12] = [
    "iendo", "ando", "ados", "adas", "ado", "ada", "ido", "ida", "ar", "er", "ir", "an",
];

/// The stem of a folded word of Latin letters; other words as they are. Stemming a stem changes nothing.
pub(crate) fn stem(word: &str) -> String {
    let mut stem = word.to_owned();
    if !word.bytes().all(|b| b.is_ascii_lowercase()) {
        return stem;
    }
    while stem.len() >= SHORTEST_STEMMED {
        let next = shortened(&stem);
        if next == stem {
            break;
        }
        stem = next;
    }
    stem
}

fn shortened(word: &str) -> String {
    let mut root = singular(word);
    for endings in [&NOUNS[..], &ENGLISH_VERBS[..], &SPANISH_VERBS[..]] {
        let Some(rest) = endings.iter().find_map(|ending| without(&root, ending)) else {
            continue;
        };
        let english = endings.len() == ENGLISH_VERBS.len();
        root = if english { undoubled(rest) } else { rest }.to_owned();
    }
    let root = root
        .strip_suffix(['a', 'e', 'o'])
        .filter(|rest| rest.len() >= SHORTEST_ROOT)
        .unwrap_or(&root);
    joined_spellings(root)
}

/// A word without an ending that a consonant stands before, if enough is left.
fn without<'a>(word: &'a str, ending: &str) -> Option<&'a str> {
    let rest = word.strip_suffix(ending)?;
    (rest.len() >= SHORTEST_ROOT && !rest.ends_with(['a', 'e', 'i', 'o', 'u'])).then_some(rest)
}

/// `stopp` of `stopping` to `stop`.
fn undoubled(root: &str) -> &str {
    let bytes = root.as_bytes();
    let doubled = bytes.len() > SHORTEST_ROOT && bytes[bytes.len() - 1] == bytes[bytes.len() - 2];
    if doubled && !root.ends_with(['l', 's', 'r', 'e', 'o']) {
        &root[..root.len() - 1]
    } else {
        root
    }
}

fn singular(word: &str) -> String {
    if word.ends_with("ss") || word.ends_with("us") || word.ends_with("is") {
        return word.to_owned();
    }
    if let Some(root) = word.strip_suffix("ies") {
        return format!("{root}y");
    }
    let of_consonant = |root: &&str| root.len() >= 4 && root.ends_with(['n', 'r', 'l', 'd', 's', 'x', 'h']);
    if let Some(root) = word.strip_suffix("es").filter(of_consonant) {
        return root.to_owned();
    }
    word.strip_suffix('s').unwrap_or(word).to_owned()
}

/// Spellings that a Spanish root takes before other endings: of its last vowel under stress, and of its last consonant.
fn joined_spellings(root: &str) -> String {
    let consonant = |c: char| !matches!(c, 'a' | 'e' | 'i' | 'o' | 'u');
    let end = root.trim_end_matches(consonant);
    let coda = &root[end.len()..];
    let mut out = match end.get(end.len().saturating_sub(2)..) {
        Some("ue") if !coda.is_empty() && !end.ends_with("que") && !end.ends_with("gue") => {
            format!("{}o{coda}", &end[..end.len() - 2])
        }
        Some("ie") if !coda.is_empty() => format!("{}e{coda}", &end[..end.len() - 2]),
        _ => root.to_owned(),
    };
    for (spelling, one) in [("qu", "c"), ("gu", "g"), ("z", "c")] {
        if let Some(rest) = out.strip_suffix(spelling) {
            out = format!("{rest}{one}");
        }
    }
    out
}

/// A folded text with every word of Latin letters stemmed, the rest as it is: sentences stay apart.
pub(crate) fn stemmed(folded: &str) -> String {
    let mut out = String::with_capacity(folded.len());
    let mut rest = folded;
    while let Some(start) = rest.find(|c: char| c.is_ascii_alphanumeric()) {
        let (between, from_word) = rest.split_at(start);
        let end = from_word
            .find(|c: char| !c.is_ascii_alphanumeric())
            .unwrap_or(from_word.len());
        let (word, after) = from_word.split_at(end);
        out.push_str(between);
        if word.len() < SHORTEST_STEMMED {
            out.push_str(word);
        } else {
            out.push_str(&stem(word));
        }
        rest = after;
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(words: &str) {
        let stems: Vec<String> = words.split_whitespace().map(stem).collect();
        assert!(stems.iter().all(|one| *one == stems[0]), "{words}: {stems:?}");
    }

    #[test]
    fn forms_of_a_spanish_word_meet() {
        check("compruebo compruebe comprueba comprobar comprobado comprobacion comprobaciones");
        check("pruebo prueba pruebas probar probado probando");
        check("funciona funcionan funcionar funcionamiento funcionando");
        check("quedo quedan quedar");
        check("enciendo enciende encender encendido");
        check("apague apaga apagar apagado");
        check("utilizo utilice utilizar utilizado");
        check("indica indique indicar");
        check("instalo instale instalar instalacion instalador instalado");
        check("fusible fusibles");
        check("sensor sensores");
        check("unidad unidades");
        check("tuberia tuberias");
    }

    #[test]
    fn forms_of_an_english_word_meet() {
        check("charge charges charged charging charger");
        check("connect connects connected connecting");
        check("battery batteries");
        check("valve valves");
        check("install installed installation");
        check("press pressed pressing");
    }

    #[test]
    fn other_words_stay_apart() {
        for (one, other) in [
            ("fuente", "frente"),
            ("filtro", "falla"),
            ("listen", "list"),
            ("condensador", "condicion"),
            ("screen", "scroll"),
        ] {
            assert_ne!(stem(one), stem(other), "{one} {other}");
        }
        assert_eq!(stem("gas"), "gas");
        assert_eq!(stem("r410a"), "r410a");
        assert_eq!(stem("压缩机"), "压缩机");
    }

    #[test]
    fn a_text_is_stemmed_word_by_word() {
        assert_eq!(
            stemmed("compruebe los fusibles. 压缩机e6, 12 metros"),
            "comprob los fusibl. 压缩机e6, 12 metr"
        );
    }

    proptest! {
        #[test]
        fn the_stem_of_a_stem_is_itself(word in "[a-z]{1,14}") {
            let once = stem(&word);
            prop_assert_eq!(stem(&once), once.clone());
            prop_assert!(once.len() <= word.len());
        }
    }
}
