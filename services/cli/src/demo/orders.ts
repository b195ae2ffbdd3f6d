import { seeded } from '@millrace/core/adapters/system/seeded.ts';
/** One Kafka record of the demo. `value` null is a tombstone. */
export type DemoRecord = { key: string; value: string | null };

/** Orders from here on carry `loyalty`, which the first ones do not: a field that appears late. */
export const loyaltyFrom = 5_000;
/** Every so many records one is a tombstone, or a value that is not JSON. */
export const tombstoneEvery = 997;
export const notJsonEvery = 1_499;

const firstId = 2n ** 53n + 1n;
const names = [
  'Ana Souza',
  'Zoë Müller',
  '佐藤 花子',
  'Олена Коваль',
  'Amélie Dubois',
  'Søren Ågård',
  'أحمد حسن',
  'Priya Nair',
  'Łukasz Żak',
  "Siobhán O'Neill",
];
const cities = [
  ['BR', 'São Paulo', '01310-100'],
  ['DE', 'Köln', '50667'],
  ['JP', '東京', '100-0001'],
  ['UA', 'Київ', '01001'],
  ['FR', 'Orléans', '45000'],
  ['DK', 'Aarhus', '8000'],
  ['EG', 'القاهرة', '11511'],
  ['IN', 'Kochi', '682001'],
] as const;
const goods = [
  ['FLR-550', 'Rye flour 1 kg'],
  ['SPL-104', 'Spelt, stone ground'],
  ['OAT-020', 'Oat flakes “fein”'],
  ['BRN-001', 'Wheat bran'],
  ['GRT-310', 'Grits 500 g'],
  ['MLT-777', 'Malt 🌾'],
] as const;
const channels = ['web', 'app', 'store', 'phone'];
const dayMs = 86_400_000;

/**
 * The record number `index` of the demo's stream. Pure: the same index and time give the same bytes.
 * @param nowMs ms since 1970; the order is of this day or one of the two before
 */
export function orderRecord(index: number, nowMs: number): DemoRecord {
  const random = seeded(index * 2_654_435_761 + 97);
  const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)] as T;
  const id = firstId + BigInt(index) * 10n;
  const key = `order-${id}`;
  if (index > 0 && index % tombstoneEvery === 0) return { key: `order-${id - 500n}`, value: null };
  if (index > 0 && index % notJsonEvery === 0) return { key, value: `order ${id} was lost on the way {` };
  const [country, city, zip] = pick(cities);
  const day = nowMs - Math.floor(random() * random() * 3) * dayMs;
  const name = pick(names);
  const items = Array.from({ length: 1 + Math.floor(random() * 3) }, () => {
    const [sku, title] = pick(goods);
    const quantity = 1 + Math.floor(random() * 5);
    const unitPrice = 1 + random() * 30;
    return {
      quantity,
      unitPrice,
      text: `{"sku":"${sku}","name":${JSON.stringify(title)},"quantity":${quantity},"unitPrice":${unitPrice.toFixed(2)}${random() < 0.2 ? ',"organic":true' : ''}}`,
    };
  });
  const total = items.reduce((sum, item) => sum + item.quantity * item.unitPrice, 0);
  const members = [
    `"id":${id}`,
    `"date":"${new Date(day).toISOString().slice(0, 10)}"`,
    `"createdAt":"${new Date(day).toISOString()}"`,
    `"channel":"${pick(channels)}"`,
    `"customer":{"id":${1_000 + Math.floor(random() * 50_000)},"name":${JSON.stringify(name)},"address":{"street":"${pick(['Mühlenweg', 'Rua do Moinho', 'Mill Lane'])} ${1 + Math.floor(random() * 200)}","city":"${city}","zip":"${zip}","country":"${country}"}${random() < 0.1 ? ',"vip":true' : ''}}`,
    `"items":[${items.map((item) => item.text).join(',')}]`,
    `"total":${total.toFixed(2)}`,
    `"currency":"EUR"`,
  ];
  if (random() < 0.15)
    members.push(`"note":${JSON.stringify(pick(['ring twice', 'por favor, antes das 18h', '玄関前に置いてください', 'no plastic 🙏']))}`);
  if (random() < 0.08) members.push(`"coupon":"MILL${Math.floor(random() * 90 + 10)}"`);
  if (index >= loyaltyFrom && random() < 0.6)
    members.push(`"loyalty":{"tier":"${pick(['bronze', 'silver', 'gold'])}","points":${Math.floor(random() * 10_000)}}`);
  return { key, value: `{${members.join(',')}}` };
}
