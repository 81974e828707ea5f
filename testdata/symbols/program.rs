// Names that Rust mangles: generics, trait objects, closures, shims, constants, identifiers beyond ASCII.
use std::collections::HashMap;

trait Shape {
    fn area(&self) -> f64;
}
struct Square<T>(T);
impl Shape for Square<f64> {
    #[inline(never)]
    fn area(&self) -> f64 {
        self.0 * self.0
    }
}
impl<T: Copy> Square<T> {
    #[inline(never)]
    fn side(&self) -> T {
        self.0
    }
}
mod outer {
    pub mod inner {
        #[inline(never)]
        pub fn run<const N: usize, F: Fn(i32) -> i32>(f: F, _: &str, _: [u8; N], _: (i32, &mut [u8]), _: *const u8, _: fn(u8) -> bool) -> i32 {
            f(N as i32)
        }
    }
}
#[inline(never)]
fn constants<const C: char, const B: bool, const I: i8>() -> u32 {
    C as u32 + B as u32 + I as u32
}
extern "C" fn callback(_: u8) -> bool {
    true
}
#[inline(never)]
fn call(f: extern "C" fn(u8) -> bool) -> bool {
    f(1)
}
#[inline(never)]
fn size<T: ?Sized>(value: &T) -> usize {
    std::mem::size_of_val(value)
}
#[inline(never)]
fn grün() -> usize {
    3
}

fn main() {
    let mut map: HashMap<String, Vec<u8>> = HashMap::new();
    map.insert("a".into(), vec![1]);
    let shape: Box<dyn Shape> = Box::new(Square(2.0));
    let mut bytes = [1u8];
    let total = outer::inner::run::<3, _>(|x| x + 1, "x", [0; 3], (1, &mut bytes), &0, |_| true);
    let sizes = size::<dyn Fn(&u8) -> Box<dyn Send + Sync>>(&|_: &u8| Box::new(1)) + size::<[(fn(), *mut str)]>(&[]);
    println!("{} {} {} {}", shape.area(), Square(3u8).side(), map.len(), total);
    println!("{} {} {} {}", constants::<'é', true, -5>(), call(callback), sizes, grün());
}
