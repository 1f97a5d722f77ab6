#!/usr/bin/env bash
# Prints again most tables of the README and of benches/README.md, with rows and plots beside.
#
#     benches/tables.sh [FOLDER] [NAME…]
#
# FOLDER (default: target/tables) gets, for each table, its text, CSV, JSON and SVG. With NAMEs only
# these are made (results, trainings, few-images, few-sums, robustness, sudoku4, sudoku9,
# sudoku-sizes, label-errors, recovery, iris, iris-baseline, from-sums, bench-…). Each says how long
# it took; a summary ends the run. What trains takes minutes to hours on two cores, all else seconds.
set -euo pipefail
cd "$(dirname "$0")/.."
folder="${1:-target/tables}"
shift || true
wanted=("$@")
mkdir -p "$folder"
folder="$(cd "$folder" && pwd)"

# table NAME COMMAND…: runs the command if it is wanted.
table() {
    local name="$1" start=$SECONDS
    shift
    if ((${#wanted[@]})) && [[ " ${wanted[*]} " != *" $name "* ]]; then return; fi
    printf '\n== %s: %s\n' "$name" "$*"
    "$@" | tee "$folder/$name.txt"
    printf '%s took %d s\n' "$name" $((SECONDS - start)) | tee -a "$folder/times.txt"
}

example() { cargo run --quiet --release --example "$@"; }
core_example() { cargo run --quiet --release --no-default-features --example "$@"; }

: >"$folder/times.txt"
cargo build --release --examples

# README, "Results".
table results example mnist_addition -- --k 1,2,4,15,100,200,500 --least-sums 1000 --csv "$folder/results.csv" --json "$folder/results.json" --plot "$folder/results.svg"
# Networks: three trainings of the default 24 epochs, and with fewer images.
table trainings example mnist_addition -- --train 24 --train-runs 3 --k 1,2,4,15,100 --transform antipignistic --csv "$folder/trainings.csv" --json "$folder/trainings.json"
table few-images example mnist_addition -- --train 24 --train-images 100,500,2500,10000,50000 --train-runs 3 --least-steps 1500 --k 1,2,4 --transform antipignistic --csv "$folder/few-images.csv" --json "$folder/few-images.json" --plot "$folder/few-images.svg"
# Training from sums alone.
table from-sums example mnist_addition -- --train 28 --supervision sums --train-k 100 --dropout 0.5 --k 1,2,4,15,100,200,500 --least-sums 1000 --csv "$folder/from-sums.csv" --json "$folder/from-sums.json"
table robustness example supervision -- --k 4,15,100 --seeds 5 --epochs 8 --csv "$folder/robustness.csv" --json "$folder/robustness.json"
table few-sums example supervision -- --k 1,4 --sums 50,200,1000 --labels --seeds 5 --epochs 8 --least-steps 1500 --csv "$folder/few-sums.csv" --json "$folder/few-sums.json" --plot "$folder/few-sums.svg"
# README, "Visual Sudoku".
table sudoku4 example sudoku -- --size 4 --splits 3 --csv "$folder/sudoku4.csv" --json "$folder/sudoku4.json"
table sudoku9 example sudoku -- --size 9 --splits 3 --csv "$folder/sudoku9.csv" --json "$folder/sudoku9.json"
table sudoku-sizes example sudoku -- --size 4 --splits 3 --train-puzzles 5,10,20,50,100 --csv "$folder/sudoku-sizes.csv" --json "$folder/sudoku-sizes.json" --plot "$folder/sudoku-sizes.svg"
# README, "Learning".
table label-errors example label_errors -- --csv "$folder/label-errors.csv" --json "$folder/label-errors.json"
table recovery core_example recovery -- --csv "$folder/recovery.csv" --json "$folder/recovery.json"
table iris core_example iris -- --csv "$folder/iris.csv" --json "$folder/iris.json"
table iris-baseline cargo run --quiet --release --manifest-path benches/iris_baseline/Cargo.toml
# benches/README.md.
table bench-addition env RAYON_NUM_THREADS=1 cargo bench --quiet --no-default-features --bench addition
table bench-learning cargo bench --quiet --no-default-features --bench addition -- learning
table bench-sudoku env RAYON_NUM_THREADS=1 cargo bench --quiet --no-default-features --bench sudoku
table bench-explain env RAYON_NUM_THREADS=1 cargo bench --quiet --no-default-features --bench explain
table bench-relation cargo bench --quiet --no-default-features --bench relation

printf '\n== times\n'
cat "$folder/times.txt"
