export default (text: string) => `logged ${text}`;
