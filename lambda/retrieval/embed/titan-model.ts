/** Model id of Titan Text Embeddings V2. https://docs.aws.amazon.com/bedrock/latest/userguide/titan-embedding-models.html */
export const TITAN_MODEL = 'amazon.titan-embed-text-v2:0';
