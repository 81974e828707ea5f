/** Who is container X at time T: the directory of pods and containers, fed by sources, asked by processors. */
export {};
