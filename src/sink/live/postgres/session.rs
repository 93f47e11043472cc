//! A connection to PostgreSQL: what is asked of it when it opens, and one transaction.

use std::time::Duration;

use gyre_dataflows::rows::Output;
use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, Config, Error, IsolationLevel, NoTls, Statement};

use super::tables;
use crate::sink::NetChange;

/// A server that does not answer for this long is not there.
const ANSWER_MAX: Duration = Duration::from_secs(60);
/// A transaction waits for another's lock this long: for that of an earlier connection whose end the server has not seen.
const SETTINGS: &str = "SET lock_timeout = '10s'; SET idle_in_transaction_session_timeout = '60s'; \
     SET client_min_messages = warning; SET standard_conforming_strings = on; \
     SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'";

/// What went wrong.
pub(super) enum Failure {
    /// The server is not there, is going down, or has no room: what was asked may have happened or not.
    Away(String),
    /// It says no, and will say so again.
    Refused(String),
    /// A bug of ours.
    Bug(crate::error::Error),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let Some(said) = error.as_db_error() else {
            // Of the connection; or of a setting or a column that is not what it should be.
            return if is_away(&error) {
                Failure::Away(words(&error))
            } else {
                Failure::Refused(words(&error))
            };
        };
        let mut text = format!("{} ({})", said.message(), said.code().code());
        text.extend(said.detail().map(|detail| format!("; {detail}")));
        if passes(said.code()) { Failure::Away(text) } else { Failure::Refused(text) }
    }
}

/// Whether the server was not there, or went away.
fn is_away(error: &Error) -> bool {
    let source = std::error::Error::source(error);
    error.is_closed() || source.is_none_or(|source| source.is::<std::io::Error>())
}

/// Whether what the server says may be otherwise after a while.
fn passes(code: &SqlState) -> bool {
    let later = [
        SqlState::T_R_SERIALIZATION_FAILURE,
        SqlState::T_R_DEADLOCK_DETECTED,
        SqlState::LOCK_NOT_AVAILABLE,
        SqlState::READ_ONLY_SQL_TRANSACTION,
        SqlState::IDLE_IN_TRANSACTION_SESSION_TIMEOUT,
        SqlState::QUERY_CANCELED,
    ];
    // Connection exceptions, insufficient resources, operator intervention (shut down, starting up), system errors.
    ["08", "53", "57", "58"].iter().any(|class| code.code().starts_with(class)) || later.contains(code)
}

/// An error with what is behind it.
fn words(error: &dyn std::error::Error) -> String {
    match error.source() {
        Some(source) => format!("{error}: {}", words(source)),
        None => error.to_string(),
    }
}

/// What the row of a job says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Row {
    pub(super) job: String,
    pub(super) job_id: String,
    pub(super) generation: i64,
    pub(super) tick: Option<i64>,
    pub(super) digest: Option<String>,
}

/// A step of progress: from where to where, and whose.
pub(super) struct Step<'a> {
    pub(super) job: &'a str,
    pub(super) generation: i64,
    pub(super) from: Option<i64>,
    pub(super) to: i64,
    pub(super) digest: &'a str,
}

/// An open connection.
pub(super) struct Session {
    client: Client,
    /// Statements of outputs, made when they are first needed: what takes keys out, what takes rows in.
    statements: [Option<(Statement, Statement)>; Output::ALL.len()],
}

impl Session {
    /// Connects.
    pub(super) async fn open(config: &Config) -> Result<Self, Failure> {
        let (client, connection) = within(config.connect(NoTls)).await?;
        // It ends with the client; what ended it is told by whoever asks the client next.
        tokio::spawn(async move { connection.await.unwrap_or_default() });
        within(client.batch_execute(SETTINGS)).await?;
        Ok(Self { client, statements: std::array::from_fn(|_| None) })
    }

    /// What is wrong with the tables, if anything: the first difference, in words.
    pub(super) async fn differences(&self) -> Result<Option<String>, Failure> {
        let encoding: String = self.client.query_one("SHOW server_encoding", &[]).await?.get(0);
        if encoding != "UTF8" {
            return Ok(Some(format!("server_encoding = {encoding}")));
        }
        let asked = "SELECT table_name::text, column_name::text, data_type::text \
             FROM information_schema.columns WHERE table_schema = 'gyre'";
        let rows = within(self.client.query(asked, &[])).await?;
        let found: Vec<[String; 3]> = rows.iter().map(|row| [0_usize, 1, 2].map(|at| row.get(at))).collect();
        for output in Output::ALL {
            for (name, kind) in tables::columns(output) {
                if !found.iter().any(|column| *column == [output.name(), name, kind]) {
                    return Ok(Some(format!("gyre.{}.{name} {kind}", output.name())));
                }
            }
        }
        let version = self.client.query_one("SELECT max(version) FROM gyre.version", &[]).await?;
        let version: Option<i32> = version.try_get(0)?;
        let is_ours = version == Some(tables::VERSION);
        Ok((!is_ours).then(|| format!("gyre.version {version:?}, not {}", tables::VERSION)))
    }

    /// The rows of progress.
    pub(super) async fn progress(&self) -> Result<Vec<Row>, Failure> {
        let asked = "SELECT job, job_id, generation, tick, digest FROM gyre.progress";
        let rows = within(self.client.query(asked, &[])).await?;
        let read = |row: &tokio_postgres::Row| {
            Ok::<_, Error>(Row {
                job: row.try_get(0)?,
                job_id: row.try_get(1)?,
                generation: row.try_get(2)?,
                tick: row.try_get(3)?,
                digest: row.try_get(4)?,
            })
        };
        Ok(rows.iter().map(read).collect::<Result<_, _>>()?)
    }

    /// Makes the tables this generation's, unless a later one has them; waits for whoever is in the middle of a commit.
    pub(super) async fn claim(&self, job: &str, job_id: &str, generation: i64) -> Result<(), Failure> {
        let claim = "INSERT INTO gyre.progress (job, job_id, generation) VALUES ($1, $2, $3) \
             ON CONFLICT (job) DO UPDATE SET generation = excluded.generation \
             WHERE progress.generation < excluded.generation AND progress.job_id = excluded.job_id";
        within(self.client.execute(claim, &[&job, &job_id, &generation])).await?;
        Ok(())
    }

    /// All changes and the step, in one transaction; `false`, and nothing changed, where progress is not where the step
    /// begins.
    pub(super) async fn commit(
        &mut self,
        step: &Step<'_>,
        changes: &[NetChange<'_>],
    ) -> Result<bool, Failure> {
        for group in changes.chunk_by(|left, right| left.output == right.output) {
            self.prepare(group[0].output).await?;
        }
        let begin = self.client.build_transaction().isolation_level(IsolationLevel::ReadCommitted);
        let transaction = within(begin.start()).await?;
        let moves = "UPDATE gyre.progress SET tick = $1, digest = $2 \
             WHERE job = $3 AND generation = $4 AND tick IS NOT DISTINCT FROM $5";
        let values: [&(dyn tokio_postgres::types::ToSql + Sync); 5] =
            [&step.to, &step.digest, &step.job, &step.generation, &step.from];
        if within(transaction.execute(moves, &values)).await? != 1 {
            within(transaction.rollback()).await?;
            return Ok(false);
        }
        for group in changes.chunk_by(|left, right| left.output == right.output) {
            let output = group[0].output;
            let (gone, come) = tables::arrays(output, group).map_err(Failure::Bug)?;
            let Some((delete, upsert)) = &self.statements[output as usize] else { continue };
            for (statement, arrays) in [(delete, gone), (upsert, come)] {
                for array in arrays {
                    within(transaction.execute(statement, &[&array])).await?;
                }
            }
        }
        within(transaction.commit()).await?;
        Ok(true)
    }

    async fn prepare(&mut self, output: Output) -> Result<(), Failure> {
        let place = &mut self.statements[output as usize];
        if place.is_none() {
            let delete = within(self.client.prepare(&tables::delete(output))).await?;
            let upsert = within(self.client.prepare(&tables::upsert(output))).await?;
            *place = Some((delete, upsert));
        }
        Ok(())
    }
}

/// The answer, if it comes in time.
async fn within<T>(answer: impl Future<Output = Result<T, Error>>) -> Result<T, Failure> {
    match tokio::time::timeout(ANSWER_MAX, answer).await {
        Ok(answer) => Ok(answer?),
        Err(_) => Err(Failure::Away(format!("no answer for {} s", ANSWER_MAX.as_secs()))),
    }
}
