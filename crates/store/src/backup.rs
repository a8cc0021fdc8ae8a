//! Every record as lines of JSON, and back: the same files from SQLite and from PostgreSQL, for either.
//!
//! The export reads in one transaction, so all tables are of one moment, while others write (a WAL snapshot on SQLite, `REPEATABLE
//! READ READ ONLY` on PostgreSQL). The import writes in one transaction, so a database holds all of a backup or nothing. Tables and
//! columns are asked of the database, not listed here: a table of a later migration needs no line of code.
//!
//! One file a table, `<table>.jsonl`, rows in the order of the primary key; one object a row. A number with a fraction is kept as
//! text, so that it comes back bit by bit.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{BufRead, BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};

use bytes::Bytes;
use futures::TryStreamExt;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use sqlx::Row as _;
use sqlx::any::AnyArguments;

use crate::{Result, Row, Store, StoreError, Transaction, create_directory, migrator, sqlite_url};

/// Kept by the migrator itself: the schema's version goes with the backup instead.
const MIGRATIONS: &str = "_sqlx_migrations";
/// Values of one statement; SQLite takes 32,766, PostgreSQL 65,535.
const MOST_VALUES: usize = 16_000;
/// Rows of one statement.
const MOST_ROWS: usize = 200;

/// One exported table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableFile {
    /// The table; its file is `<table>.jsonl`.
    pub table: String,
    /// Its rows.
    pub rows: u64,
    /// Size of its file.
    pub size_bytes: u64,
    /// SHA-256 of its file, in hexadecimal.
    pub sha256: String,
}

/// Told while rows are written or read: the table, its rows done, its rows in all.
pub type RowProgress<'a> = &'a mut (dyn FnMut(&str, u64, u64) + Send);

#[derive(Debug)]
struct Table {
    name: String,
    columns: Vec<Column>,
    key: Vec<String>,
    /// Tables whose rows must be there first.
    parents: Vec<String>,
}

#[derive(Debug)]
struct Column {
    name: String,
    kind: Kind,
}

/// The three types that the schema uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Text,
    Whole,
    Fraction,
}

impl Kind {
    fn parse(declared: &str) -> Result<Self> {
        match declared.to_ascii_lowercase().as_str() {
            "text" => Ok(Self::Text),
            "bigint" => Ok(Self::Whole),
            "double precision" => Ok(Self::Fraction),
            other => Err(StoreError::corrupt(
                "schema",
                format!("column type {other:?} is not used here"),
            )),
        }
    }
}

impl Store {
    /// The schema's version that this program brings a database to.
    #[must_use]
    pub fn latest_schema() -> i64 {
        migrator()
            .iter()
            .map(|migration| migration.version)
            .max()
            .unwrap_or(0)
    }

    /// Opens the records that are there, beside a running server: nothing is created and no migration runs.
    ///
    /// # Errors
    /// `NotFound` when there are none.
    pub async fn open_existing(url: Option<&str>, directory: &Path) -> Result<Self> {
        let none = || StoreError::NotFound {
            what: format!("data in {}", directory.display()),
        };
        let database = directory.join("shifu.db");
        if !directory.join("objects").is_dir() || (url.is_none() && !database.is_file()) {
            return Err(none());
        }
        let url = url.map_or_else(|| sqlite_url(&database), str::to_owned);
        let store = Self::connect(&url, directory).await?;
        if store.schema_there().await? > 0 {
            return Ok(store);
        }
        Err(none())
    }

    /// Opens new records in `directory` (and the database at `url`) at `schema`, the version that a backup was made with. Call
    /// [`Store::import_records`], then [`Store::migrate`].
    ///
    /// # Errors
    /// `Conflict` naming the first table that has rows, or when the database was brought to a later version before.
    pub async fn open_empty(url: Option<&str>, directory: &Path, schema: i64) -> Result<Self> {
        create_directory(directory)?;
        let url = url.map_or_else(|| sqlite_url(&directory.join("shifu.db")), str::to_owned);
        let store = Self::connect(&url, directory).await?;
        store.require_empty().await?;
        let there = store.schema_there().await?;
        if there > schema {
            return Err(StoreError::Conflict {
                what: format!("schema {there}, later than the backup's {schema}: name a new database; it"),
            });
        }
        migrator().run_to(schema, &store.pool).await?;
        Ok(store)
    }

    /// Brings the schema to this program's version.
    ///
    /// # Errors
    /// `Migration`.
    pub async fn migrate(&self) -> Result<()> {
        Ok(migrator().run(&self.pool).await?)
    }

    async fn require_empty(&self) -> Result<()> {
        for table in self.tables_there().await? {
            let sql = format!("SELECT 1 FROM {} LIMIT 1", quoted(&table));
            let rows = sqlx::query(sqlx::AssertSqlSafe(sql));
            if table != MIGRATIONS && rows.fetch_optional(&self.pool).await?.is_some() {
                return Err(StoreError::Conflict {
                    what: format!("a row of table {table:?}, in a database that must be empty,"),
                });
            }
        }
        Ok(())
    }

    /// The schema's version in the database; 0 when there is none.
    async fn schema_there(&self) -> Result<i64> {
        if !self.tables_there().await?.iter().any(|table| table == MIGRATIONS) {
            return Ok(0);
        }
        let row = sqlx::query("SELECT MAX(version) FROM _sqlx_migrations")
            .fetch_one(&self.pool)
            .await?;
        Ok(row.try_get::<Option<i64>, _>(0)?.unwrap_or(0))
    }

    /// Writes every record of this moment below `directory`, one file a table, each on disk when this returns; with the schema's version.
    /// Others may write meanwhile.
    ///
    /// # Errors
    /// `Directory` when a file cannot be written, `Database` when a table cannot be read.
    pub async fn export_records(
        &self,
        directory: &Path,
        progress: RowProgress<'_>,
    ) -> Result<(i64, Vec<TableFile>)> {
        create_directory(directory)?;
        let begin = if self.embedded {
            "BEGIN"
        } else {
            "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
        };
        let mut transaction = self.pool.begin_with(begin).await?;
        let schema = sqlx::query("SELECT MAX(version) FROM _sqlx_migrations")
            .fetch_one(&mut *transaction)
            .await?
            .try_get(0)?;
        let mut files = Vec::new();
        for table in tables(&mut transaction, self.embedded).await? {
            files.push(export(&mut transaction, &table, self.embedded, directory, progress).await?);
        }
        transaction.rollback().await?;
        Ok((schema, files))
    }

    /// Reads back what [`Store::export_records`] wrote, in one transaction; then takes out what belongs to `removed`: owners whose bytes
    /// were removed while the backup ran. The schema must be that of the export.
    ///
    /// # Errors
    /// `Corrupt` naming file and line of a row that does not fit; then nothing is there.
    pub async fn import_records(
        &self,
        directory: &Path,
        files: &[(String, u64)],
        removed: &BTreeSet<String>,
        progress: RowProgress<'_>,
    ) -> Result<()> {
        let mut transaction = self.begin_write().await?;
        let tables = parents_first(tables(&mut transaction, self.embedded).await?)?;
        let rows: BTreeMap<&str, u64> = files
            .iter()
            .map(|(table, rows)| (table.as_str(), *rows))
            .collect();
        if let Some(unknown) = rows
            .keys()
            .find(|name| tables.iter().all(|table| table.name != **name))
        {
            let reason = "this program's schema has no such table";
            return Err(StoreError::corrupt(format!("records/{unknown}.jsonl"), reason));
        }
        for table in &tables {
            let Some(expected) = rows.get(table.name.as_str()) else {
                continue;
            };
            let path = directory.join(format!("{}.jsonl", table.name));
            let read = import(&mut transaction, table, &path, *expected, progress).await?;
            if read != *expected {
                let reason = format!("has {read} rows, not {expected}");
                return Err(StoreError::corrupt(
                    format!("records/{}.jsonl", table.name),
                    reason,
                ));
            }
        }
        for owner in removed {
            remove_owner(&mut transaction, owner).await?;
        }
        transaction.commit().await?;
        Ok(())
    }

    /// Who keeps those bytes now.
    ///
    /// # Errors
    /// `Database` when it refuses.
    pub async fn object_owners(&self, sha256: &str) -> Result<Vec<String>> {
        let rows = sqlx::query("SELECT owner FROM object_owners WHERE sha256 = $1 ORDER BY owner")
            .bind(sha256)
            .fetch_all(&self.pool)
            .await?;
        rows.iter().map(|row| Ok(row.try_get(0)?)).collect()
    }

    /// Keeps bytes that an imported row names already; they are on disk when this returns.
    ///
    /// # Errors
    /// `Corrupt` when they have another SHA-256, `Objects` when they cannot be written.
    pub async fn put_back_object(&self, sha256: &str, bytes: Bytes) -> Result<()> {
        if hex::encode(Sha256::digest(&bytes)) != sha256 {
            let reason = "its bytes have another SHA-256";
            return Err(StoreError::corrupt(format!("object {sha256}"), reason));
        }
        self.put_bytes(sha256, bytes).await
    }

    async fn tables_there(&self) -> Result<Vec<String>> {
        let rows = sqlx::query(names_query(self.embedded))
            .fetch_all(&self.pool)
            .await?;
        rows.iter().map(|row| Ok(row.try_get(0)?)).collect()
    }
}

fn names_query(embedded: bool) -> &'static str {
    if embedded {
        "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name"
    } else {
        "SELECT CAST(table_name AS TEXT) FROM information_schema.tables \
         WHERE table_schema = current_schema() AND table_type = 'BASE TABLE' ORDER BY 1"
    }
}

/// Every table of ours, by name.
async fn tables(transaction: &mut Transaction, embedded: bool) -> Result<Vec<Table>> {
    let names = sqlx::query(names_query(embedded))
        .fetch_all(&mut **transaction)
        .await?;
    let mut tables = Vec::new();
    for row in names {
        let name: String = row.try_get(0)?;
        if name != MIGRATIONS {
            tables.push(table(transaction, embedded, name).await?);
        }
    }
    tables.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(tables)
}

async fn table(transaction: &mut Transaction, embedded: bool, name: String) -> Result<Table> {
    let [columns, key, parents] = if embedded {
        [
            "SELECT name, type FROM pragma_table_info($1) ORDER BY cid",
            "SELECT name FROM pragma_table_info($1) WHERE pk > 0 ORDER BY pk",
            "SELECT \"table\" FROM pragma_foreign_key_list($1)",
        ]
    } else {
        [
            "SELECT CAST(column_name AS TEXT), CAST(data_type AS TEXT) FROM information_schema.columns \
             WHERE table_schema = current_schema() AND table_name = $1 ORDER BY ordinal_position",
            "SELECT CAST(k.column_name AS TEXT) FROM information_schema.table_constraints c \
             JOIN information_schema.key_column_usage k ON k.constraint_name = c.constraint_name \
             AND k.constraint_schema = c.constraint_schema AND k.table_name = c.table_name \
             WHERE c.constraint_type = 'PRIMARY KEY' AND c.table_schema = current_schema() AND c.table_name = $1 \
             ORDER BY k.ordinal_position",
            "SELECT CAST(u.table_name AS TEXT) FROM information_schema.table_constraints c \
             JOIN information_schema.constraint_column_usage u ON u.constraint_name = c.constraint_name \
             AND u.constraint_schema = c.constraint_schema \
             WHERE c.constraint_type = 'FOREIGN KEY' AND c.table_schema = current_schema() AND c.table_name = $1",
        ]
    };
    let mut described = Vec::new();
    for row in sqlx::query(columns)
        .bind(&name)
        .fetch_all(&mut **transaction)
        .await?
    {
        described.push(Column {
            name: row.try_get(0)?,
            kind: Kind::parse(row.try_get(1)?)?,
        });
    }
    Ok(Table {
        key: texts(transaction, key, &name).await?,
        parents: texts(transaction, parents, &name).await?,
        columns: described,
        name,
    })
}

async fn texts(transaction: &mut Transaction, sql: &'static str, table: &str) -> Result<Vec<String>> {
    let rows = sqlx::query(sql).bind(table).fetch_all(&mut **transaction).await?;
    rows.iter().map(|row| Ok(row.try_get(0)?)).collect()
}

/// Every table after those that its rows refer to.
fn parents_first(mut left: Vec<Table>) -> Result<Vec<Table>> {
    let mut ordered: Vec<Table> = Vec::with_capacity(left.len());
    while !left.is_empty() {
        let known = |name: &String, table: &Table| {
            *name == table.name || ordered.iter().any(|done| done.name == *name)
        };
        let next = left
            .iter()
            .position(|table| table.parents.iter().all(|name| known(name, table)));
        let Some(next) = next else {
            return Err(StoreError::corrupt(
                "schema",
                "its tables refer to each other in a circle",
            ));
        };
        ordered.push(left.remove(next));
    }
    Ok(ordered)
}

async fn export(
    transaction: &mut Transaction,
    table: &Table,
    embedded: bool,
    directory: &Path,
    progress: RowProgress<'_>,
) -> Result<TableFile> {
    let path = directory.join(format!("{}.jsonl", table.name));
    let count = format!("SELECT COUNT(*) FROM {}", quoted(&table.name));
    let total: i64 = sqlx::query(sqlx::AssertSqlSafe(count))
        .fetch_one(&mut **transaction)
        .await?
        .try_get(0)?;
    let mut file = Lines::create(&path)?;
    let mut rows = 0;
    {
        let select = select(table, embedded);
        let mut found = sqlx::query(sqlx::AssertSqlSafe(select)).fetch(&mut **transaction);
        while let Some(row) = found.try_next().await? {
            file.write(&row_to_json(table, &row)?)?;
            rows += 1;
            progress(&table.name, rows, total as u64);
        }
    }
    let (size_bytes, sha256) = file.finish()?;
    Ok(TableFile {
        table: table.name.clone(),
        rows,
        size_bytes,
        sha256,
    })
}

/// Rows in the order of the key, byte by byte, whatever the database's own collation.
fn select(table: &Table, embedded: bool) -> String {
    let columns: Vec<String> = table.columns.iter().map(|column| quoted(&column.name)).collect();
    let ordered = if table.key.is_empty() {
        table.columns.iter().map(|column| &column.name).collect()
    } else {
        table.key.iter().collect::<Vec<_>>()
    };
    let is_text = |name: &str| {
        table
            .columns
            .iter()
            .any(|column| column.name == name && column.kind == Kind::Text)
    };
    let order: Vec<String> = ordered
        .into_iter()
        .map(|name| match !embedded && is_text(name) {
            true => format!("{} COLLATE \"C\"", quoted(name)),
            false => quoted(name),
        })
        .collect();
    format!(
        "SELECT {} FROM {} ORDER BY {}",
        columns.join(", "),
        quoted(&table.name),
        order.join(", ")
    )
}

fn row_to_json(table: &Table, row: &Row) -> Result<Value> {
    let mut object = Map::new();
    for (at, column) in table.columns.iter().enumerate() {
        let value = match column.kind {
            Kind::Text => row.try_get::<Option<String>, _>(at)?.map(Value::from),
            Kind::Whole => row.try_get::<Option<i64>, _>(at)?.map(Value::from),
            Kind::Fraction => row
                .try_get::<Option<f64>, _>(at)?
                .map(|number| Value::from(format!("{number:?}"))),
        };
        object.insert(column.name.clone(), value.unwrap_or(Value::Null));
    }
    Ok(Value::Object(object))
}

async fn import(
    transaction: &mut Transaction,
    table: &Table,
    path: &Path,
    expected: u64,
    progress: RowProgress<'_>,
) -> Result<u64> {
    let file = File::open(path).map_err(|source| failed(path, source))?;
    let mut lines = BufReader::new(file).lines();
    let at_once = MOST_ROWS.min(MOST_VALUES / table.columns.len().max(1)).max(1);
    let mut rows = 0;
    loop {
        let mut batch = Vec::with_capacity(at_once);
        for line in lines.by_ref().take(at_once) {
            let line = line.map_err(|source| failed(path, source))?;
            let place = || {
                format!(
                    "records/{}.jsonl line {}",
                    table.name,
                    rows + batch.len() as u64 + 1
                )
            };
            let row: Map<String, Value> =
                serde_json::from_str(&line).map_err(|error| StoreError::corrupt(place(), error))?;
            batch.push(row);
        }
        if batch.is_empty() {
            return Ok(rows);
        }
        insert(transaction, table, &batch, rows).await?;
        rows += batch.len() as u64;
        progress(&table.name, rows, expected);
    }
}

async fn insert(
    transaction: &mut Transaction,
    table: &Table,
    batch: &[Map<String, Value>],
    before: u64,
) -> Result<()> {
    let columns: Vec<String> = table.columns.iter().map(|column| quoted(&column.name)).collect();
    let width = columns.len();
    let row = |at: usize| {
        let places: Vec<String> = (0..width)
            .map(|column| format!("${}", at * width + column + 1))
            .collect();
        format!("({})", places.join(", "))
    };
    let rows: Vec<String> = (0..batch.len()).map(row).collect();
    let sql = format!(
        "INSERT INTO {} ({}) VALUES {}",
        quoted(&table.name),
        columns.join(", "),
        rows.join(", ")
    );
    let mut query = sqlx::query(sqlx::AssertSqlSafe(sql));
    for (at, row) in batch.iter().enumerate() {
        let place = || format!("records/{}.jsonl line {}", table.name, before + at as u64 + 1);
        if let Some(unknown) = row
            .keys()
            .find(|name| table.columns.iter().all(|column| column.name != **name))
        {
            return Err(StoreError::corrupt(
                place(),
                format!("unknown column {unknown:?}"),
            ));
        }
        for column in &table.columns {
            let value = row.get(&column.name);
            query = bind(query, column, value).ok_or_else(|| {
                StoreError::corrupt(place(), format!("column {:?} is not of its type", column.name))
            })?;
        }
    }
    query.execute(&mut **transaction).await?;
    Ok(())
}

type Query<'q> = sqlx::query::Query<'q, sqlx::Any, AnyArguments>;

fn bind<'q>(query: Query<'q>, column: &Column, value: Option<&Value>) -> Option<Query<'q>> {
    let value = value.filter(|value| !value.is_null());
    Some(match (column.kind, value) {
        (Kind::Text, None) => query.bind(None::<String>),
        (Kind::Whole, None) => query.bind(None::<i64>),
        (Kind::Fraction, None) => query.bind(None::<f64>),
        (Kind::Text, Some(value)) => query.bind(value.as_str()?.to_owned()),
        (Kind::Whole, Some(value)) => query.bind(value.as_i64()?),
        (Kind::Fraction, Some(value)) => query.bind(value.as_str()?.parse::<f64>().ok()?),
    })
}

/// Takes out what `owner` was: it had been removed by the time its bytes were to be copied.
async fn remove_owner(transaction: &mut Transaction, owner: &str) -> Result<()> {
    let (kind, id) = owner.split_once(':').unwrap_or((owner, ""));
    let statements: &[&'static str] = match kind {
        "inspection" => &[
            "DELETE FROM photos WHERE inspection_id = $1",
            "DELETE FROM alerts WHERE inspection_id = $1",
            "DELETE FROM jobs WHERE subject = $1",
            "DELETE FROM inspections WHERE inspection_id = $1",
        ],
        "document" => &[
            "DELETE FROM jobs WHERE subject = $1",
            "DELETE FROM documents WHERE document_id = $1",
        ],
        // Computed from photos: it is computed again.
        "enrolled" => &["DELETE FROM enrolled_standards WHERE category = $1"],
        _ => &[],
    };
    for sql in statements {
        sqlx::query(*sql).bind(id).execute(&mut **transaction).await?;
    }
    sqlx::query("DELETE FROM object_owners WHERE owner = $1")
        .bind(owner)
        .execute(&mut **transaction)
        .await?;
    Ok(())
}

/// A file of lines whose size and SHA-256 are known at its end.
struct Lines {
    path: PathBuf,
    file: BufWriter<File>,
    digest: Sha256,
    size_bytes: u64,
}

impl Lines {
    fn create(path: &Path) -> Result<Self> {
        let file = File::create(path).map_err(|source| failed(path, source))?;
        Ok(Self {
            path: path.to_owned(),
            file: BufWriter::new(file),
            digest: Sha256::new(),
            size_bytes: 0,
        })
    }

    fn write(&mut self, row: &Value) -> Result<()> {
        let line = format!("{row}\n");
        self.digest.update(line.as_bytes());
        self.size_bytes += line.len() as u64;
        self.file
            .write_all(line.as_bytes())
            .map_err(|source| failed(&self.path, source))
    }

    /// On disk when this returns.
    fn finish(self) -> Result<(u64, String)> {
        let written = self
            .file
            .into_inner()
            .map_err(std::io::IntoInnerError::into_error);
        written
            .and_then(|file| file.sync_all())
            .map_err(|source| failed(&self.path, source))?;
        Ok((self.size_bytes, hex::encode(self.digest.finalize())))
    }
}

fn failed(path: &Path, source: std::io::Error) -> StoreError {
    StoreError::Directory {
        path: path.display().to_string(),
        source,
    }
}

/// A name as SQL takes it whatever it is.
fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}
