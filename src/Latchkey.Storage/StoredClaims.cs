using System.Collections;
using System.Diagnostics.CodeAnalysis;
using System.Text.Json;

namespace Latchkey.Storage;

/// <summary>A user's claims as they are stored; read when somebody asks for one, which most requests for a token never do.</summary>
/// <param name="json">The JSON object.</param>
internal sealed class StoredClaims(string json) : IReadOnlyDictionary<string, JsonElement>
{
    private Dictionary<string, JsonElement>? _claims;

    public IEnumerable<string> Keys => Claims.Keys;

    public IEnumerable<JsonElement> Values => Claims.Values;

    public int Count => Claims.Count;

    private Dictionary<string, JsonElement> Claims => _claims ??= JsonSerializer.Deserialize(json, StorageJson.Default.DictionaryStringJsonElement)!;

    public JsonElement this[string key] => Claims[key];

    public bool ContainsKey(string key) => Claims.ContainsKey(key);

    public bool TryGetValue(string key, [MaybeNullWhen(false)] out JsonElement value) => Claims.TryGetValue(key, out value);

    public IEnumerator<KeyValuePair<string, JsonElement>> GetEnumerator() => Claims.GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();
}
