export interface Order {
  customer: string;
  lines: { item: string; count: number; price: number }[];
}

export function total(order: Order): number {
  return order.lines.reduce((sum, line) => sum + line.count * line.price, 0);
}
