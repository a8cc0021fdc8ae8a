//! Spanish words of the trade that mean the same: what customers say for a part differs by country and from the manual.

use std::collections::HashMap;
use std::sync::OnceLock;

use crate::stem::stem;

/// Words that stand for one another, a group a line; a word may be in several.
const GROUPS: [&str; 35] = [
    "pila bateria",
    "tuberia tubo linea cañeria",
    "mando control",
    "equipo unidad aparato",
    "placa tarjeta tablero plaqueta",
    "electronica circuito",
    "extra adicional",
    "averia falla fallo error defecto",
    "gas refrigerante",
    "cambiar reemplazar sustituir",
    "limpiar lavar",
    "revisar comprobar verificar inspeccionar",
    "encender arrancar prender",
    "apagar detener parar",
    "parpadear destellar",
    "ruido sonido",
    "enchufe tomacorriente clavija",
    "tornillo perno",
    "desagüe drenaje",
    "sensor sonda termistor",
    "interruptor disyuntor",
    "corriente amperaje",
    "voltaje tension",
    "calefaccion calor calentar",
    "refrigeracion enfriamiento frio",
    "descongelacion deshielo descongelar",
    "grosor espesor",
    "pantalla display visor",
    "boton tecla pulsador",
    "condensadora exterior",
    "evaporadora interior",
    "quitar retirar extraer desmontar",
    "colocar instalar montar",
    "roto dañado",
    "cargar agregar añadir recargar",
];

/// Stems of the other words for a stem.
pub(crate) fn synonyms(word: &str) -> impl Iterator<Item = &'static str> + use<> {
    static OTHERS: OnceLock<HashMap<String, Vec<String>>> = OnceLock::new();
    let others = OTHERS.get_or_init(|| {
        let mut others: HashMap<String, Vec<String>> = HashMap::new();
        for group in GROUPS {
            let stems: Vec<String> = group
                .split(' ')
                .map(|word| stem(&crate::analysis::fold(word)))
                .collect();
            for word in &stems {
                let known = others.entry(word.clone()).or_default();
                known.extend(stems.iter().filter(|other| *other != word).cloned());
            }
        }
        others
    });
    others.get(word).into_iter().flatten().map(String::as_str)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_of_a_word_have_the_same_others() {
        let others = |word: &str| synonyms(&stem(word)).collect::<Vec<_>>();
        assert_eq!(others("pilas"), [stem("bateria")]);
        assert_eq!(others("compruebo"), others("comprobacion"));
        assert!(others("tuberias").contains(&stem("lineas").as_str()));
        assert!(others("fusible").is_empty());
    }
}
