//! burn SECONDS NAME=SHARE...: as burn.c, in Rust: a method of a generic type (`grid`) and a closure (`closure`), whose
//! names are mangled.
use std::fmt::Write;
use std::hint::black_box;
use std::time::{Duration, Instant};

#[repr(C)]
struct Timespec {
    seconds: i64,
    nanoseconds: i64,
}
extern "C" {
    fn clock_gettime(clock: i32, time: *mut Timespec) -> i32;
}
const CLOCK_THREAD_CPUTIME_ID: i32 = 3;

fn cpu_ns() -> u64 {
    let mut time = Timespec { seconds: 0, nanoseconds: 0 };
    unsafe { clock_gettime(CLOCK_THREAD_CPUTIME_ID, &mut time) };
    time.seconds as u64 * 1_000_000_000 + time.nanoseconds as u64
}

#[inline(always)]
fn compute() {
    let mut value: u64 = 88172645463325252;
    for _ in 0..60000 {
        value ^= value << 13;
        value = black_box(value ^ (value >> 7));
    }
}

mod grid {
    pub struct Grid<T>(pub T);
    impl<T: Copy> Grid<T> {
        #[inline(never)]
        pub fn relax(&self, until_ns: u64) -> T {
            while super::cpu_ns() < until_ns {
                super::compute();
            }
            self.0
        }
    }
}

#[inline(never)]
fn in_closure(until_ns: u64) {
    let spend = |limit: u64| {
        while cpu_ns() < limit {
            compute();
        }
    };
    black_box(spend)(until_ns);
}

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let length = Duration::from_secs_f64(arguments[1].parse().unwrap());
    let share = |name: &str| -> f64 {
        let prefix = format!("{name}=");
        arguments.iter().find_map(|word| word.strip_prefix(&prefix)).map_or(0.0, |text| text.parse().unwrap())
    };
    let shares = [share("grid"), share("closure")];
    let mut spent = [0u64; 2];
    println!("ready");
    let (start, start_ns, mut seed) = (Instant::now(), cpu_ns(), 1u64);
    while start.elapsed() < length {
        let total: u64 = spent.iter().sum();
        let behind = |at: usize| (total + 1) as f64 * shares[at] - spent[at] as f64 * 100.0;
        let next = if behind(0) > behind(1) { 0 } else { 1 };
        seed = seed.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        let before_ns = cpu_ns();
        let until_ns = before_ns + 200_000 + (seed >> 33) % 1_400_000;
        if next == 0 {
            black_box(grid::Grid(7u32).relax(until_ns));
        } else {
            in_closure(until_ns);
        }
        spent[next] += cpu_ns() - before_ns;
    }
    let mut text = String::new();
    write!(text, "{{\"totalNs\":{},\"spentNs\":{{\"grid\":{},\"closure\":{}}}}}", cpu_ns() - start_ns, spent[0], spent[1]).unwrap();
    println!("{text}");
}
