/**
 * What an answer about a partition is worth. Pure. Only the partition's own leader proves identity (R1).
 * `proven`: the broker that was asked says that it leads the partition · `ask_leader`: another one leads it, ask that ·
 * `ask_again`: no leader is known, or a broker that led it once may be behind · `absent`: no broker in particular was asked, and it knows no such partition.
 * @param asked node id of the broker that answered; null when any was asked
 * @param leaderId of the partition as answered, negative while one is being elected; null when the answer does not know the partition
 */
export function judgeLeader(asked: number | null, leaderId: number | null): 'proven' | 'ask_leader' | 'ask_again' | 'absent' {
  if (leaderId === null) return asked === null ? 'absent' : 'ask_again';
  if (leaderId < 0) return 'ask_again';
  return leaderId === asked ? 'proven' : 'ask_leader';
}
