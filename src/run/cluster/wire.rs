//! What processes of a cluster say to each other besides timely's own messages: lines of JSON over TCP.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use gyre_dataflows::Tick;
use gyre_domain::records::Topic;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::source::{Partition, Position, Positions};
use crate::watch::graph::Part;
use crate::watch::status::Lag;

/// What all processes of a cluster begin with, so that a stranger is told apart.
pub const TITLE: &str = "gyre cluster 1";
/// A line of somebody whom nobody knows yet, at most.
const FIRST_BYTES_MAX: u64 = 64 << 10;
/// How long whoever connects may take to say who he is.
pub const FIRST_WORD: Duration = Duration::from_secs(2);

/// What must be the same in every process of a cluster.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Common {
    /// [`TITLE`].
    pub title: String,
    /// Of the program.
    pub version: String,
    /// What the job is called.
    pub job: String,
    /// What its books are judged by, as a digest.
    pub judged_by: String,
    /// How many processes there are.
    pub processes: usize,
    /// Workers of each.
    pub workers: usize,
}

/// The first word of whoever connects.
#[derive(Debug, Serialize, Deserialize)]
pub enum First {
    /// A process asks process 0 to take part.
    Hello {
        /// Which it is.
        process: usize,
        /// What it goes by.
        common: Common,
    },
    /// A process brings its part of timely's mesh.
    Mesh {
        /// Which it is.
        process: usize,
        /// What the members of this generation alone know.
        token: String,
    },
}

/// What process 0 answers to a hello.
#[derive(Debug, Serialize, Deserialize)]
pub enum Answer {
    /// All are here: this is what we are.
    Welcome(Welcome),
    /// Something is not as it is with the others.
    Refused {
        /// What.
        what: String,
        /// How it is there.
        there: String,
        /// How it is here.
        here: String,
    },
}

/// What a generation is.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Welcome {
    /// The job's id.
    pub id: String,
    /// Which start of the job it is.
    pub generation: u64,
    /// The secret of its keyed hashes.
    pub secret: [u8; 16],
    /// What only members of this generation know.
    pub token: String,
}

/// A place, as it travels.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Place(u8, u16, u64, u64, u64);

impl Place {
    /// Places on their way.
    pub fn pack(places: &Positions) -> Vec<Self> {
        let packed = places.iter().map(|(partition, place)| {
            Self(partition.topic as u8, partition.number, place.next, place.byte, place.stamp)
        });
        packed.collect()
    }

    /// Places that have come.
    pub fn unpack(places: Vec<Self>) -> Option<Positions> {
        let unpacked = places.into_iter().map(|Self(topic, number, next, byte, stamp)| {
            Some((partition(topic, number)?, Position { next, byte, stamp }))
        });
        unpacked.collect()
    }
}

/// At which ticks a partition was how far.
#[derive(Debug, Serialize, Deserialize)]
pub struct Marks(pub u8, pub u16, pub Vec<(u64, Tick)>);

/// The partition of a topic's number and its own.
pub fn partition(topic: u8, number: u16) -> Option<Partition> {
    Some(Partition { topic: *Topic::ALL.get(usize::from(topic))?, number })
}

/// What process 0 tells the others.
#[derive(Debug, Serialize, Deserialize)]
pub enum Order {
    /// Ticks are made again.
    Again {
        /// The last of them.
        last: Tick,
        /// How far partitions are then.
        until: Vec<Place>,
        /// Where ticks end in those that move.
        marks: Vec<Marks>,
        /// How far those are then.
        missing: Vec<Place>,
    },
    /// What was before the start is made again; what comes now is new.
    Live,
    /// A tick closes with whatever has come.
    Close {
        /// Which.
        tick: Tick,
    },
    /// All is committed: whoever is told goes.
    End,
    /// Everybody knows that.
    Bye,
    /// Nothing; it is alive.
    Alive,
}

/// What process 0 is told.
#[derive(Debug, Serialize, Deserialize)]
pub enum Report {
    /// A tick is closed.
    Closed {
        /// Which.
        tick: Tick,
        /// How far partitions are that moved.
        places: Vec<Place>,
    },
    /// Somebody asked the process to end.
    EndAsked,
    /// It knows that it ends.
    Ended,
    /// It cannot go on.
    Failed {
        /// Why, in the language of its session.
        why: String,
    },
    /// It is alive, and this is what it reads.
    Alive {
        /// Records since its start, by topic.
        records: Vec<u64>,
        /// What it has not read yet.
        lags: Vec<Lag>,
        /// How its stages are.
        part: Part,
    },
}

/// The writing end of a connection.
pub struct Writer(Mutex<TcpStream>);

impl Writer {
    /// That of a stream.
    pub fn new(stream: TcpStream) -> Self {
        Self(Mutex::new(stream))
    }

    /// Says something.
    ///
    /// # Errors
    /// Where the other end is gone.
    pub fn say(&self, what: &impl Serialize) -> io::Result<()> {
        let mut line = serde_json::to_vec(what)?;
        line.push(b'\n');
        self.0.lock().unwrap_or_else(PoisonError::into_inner).write_all(&line)
    }
}

/// The reading end of a connection.
pub struct Reader(BufReader<TcpStream>);

impl Reader {
    /// That of a stream.
    pub fn new(stream: TcpStream) -> Self {
        Self(BufReader::new(stream))
    }

    /// What is said next, waited for as long as the stream's time-out allows.
    ///
    /// # Errors
    /// Where the other end is gone or silent, or says what nobody understands.
    pub fn hear<T: DeserializeOwned>(&mut self) -> io::Result<T> {
        let mut line = Vec::new();
        self.0.read_until(b'\n', &mut line)?;
        heard(&line)
    }
}

fn heard<T: DeserializeOwned>(line: &[u8]) -> io::Result<T> {
    if line.last() != Some(&b'\n') {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(serde_json::from_slice(line)?)
}

/// The first word of whoever connected. Nothing of what follows is taken off the stream.
///
/// # Errors
/// Where it is none.
pub fn first_word(stream: &TcpStream) -> io::Result<First> {
    stream.set_read_timeout(Some(FIRST_WORD))?;
    let (mut stream, mut line) = (stream.take(FIRST_BYTES_MAX), Vec::new());
    let mut byte = [0];
    while line.last() != Some(&b'\n') && stream.read(&mut byte)? == 1 {
        line.push(byte[0]);
    }
    heard(&line)
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn what_is_said_is_heard_and_what_is_none_is_an_error() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let here = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (there, _) = listener.accept().unwrap();
        let place = Position { next: 7, byte: u64::MAX, stamp: 3 };
        let places = Positions::from([(Partition { topic: Topic::Payments, number: 12 }, place)]);
        let mut raw = here.try_clone().unwrap();
        raw.write_all(b"{\"Mesh\":{\"process\":2,\"token\":\"t\"}}\n").unwrap();
        let writer = Writer::new(here);
        writer.say(&Report::Closed { tick: 5, places: Place::pack(&places) }).unwrap();
        raw.write_all(b"nonsense\nhalf").unwrap();
        assert!(matches!(first_word(&there).unwrap(), First::Mesh { process: 2, .. }));
        let mut reader = Reader::new(there);
        let Report::Closed { tick: 5, places: heard } = reader.hear().unwrap() else {
            panic!("another word")
        };
        assert_eq!(Place::unpack(heard), Some(places));
        assert_eq!(reader.hear::<Report>().unwrap_err().kind(), io::ErrorKind::InvalidData);
        drop((raw, writer));
        assert_eq!(reader.hear::<Report>().unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
        assert_eq!(Place::unpack(vec![Place(99, 0, 1, 1, 1)]), None);
    }
}
