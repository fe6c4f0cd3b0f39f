/** Parser of an option that may be given several times: all its values, in their order. */
export const collect = (value: string, all: readonly string[] = []): string[] => [...all, value];
