using System.Net.Http.Headers;
using System.Text.Json;
using Latchkey.Verification.Jose;

namespace Latchkey.Verification.Providers;

/// <summary>What a provider answered, read whole and within bounds.</summary>
public sealed class ProviderAnswer
{
    private JsonElement? _json;

    internal ProviderAnswer(int status, HttpResponseHeaders headers, string? mediaType, byte[] body, string address)
    {
        Status = status;
        Headers = headers;
        MediaType = mediaType;
        Body = body;
        Address = address;
    }

    /// <summary>The HTTP status.</summary>
    public int Status { get; }

    /// <summary>Whether the status is one of 2xx.</summary>
    public bool IsSuccess => Status is >= 200 and < 300;

    /// <summary>The response's headers, without those of its content.</summary>
    public HttpResponseHeaders Headers { get; }

    /// <summary>The media type of the body in lower case, such as <c>application/json</c>; null if none was sent.</summary>
    public string? MediaType { get; }

    /// <summary>The body.</summary>
    public ReadOnlyMemory<byte> Body { get; }

    /// <summary>Who was asked, without query: for messages.</summary>
    public string Address { get; }

    /// <summary>Whether the body says that it is JSON: <c>application/json</c> or any <c>+json</c>.</summary>
    public bool IsJson => MediaType is "application/json" || (MediaType?.EndsWith("+json", StringComparison.Ordinal) ?? false);

    /// <summary>The body as a JSON object without repeated members.</summary>
    /// <exception cref="ProviderException">It is no JSON object: a page of HTML, an empty body, a list.</exception>
    public JsonElement Json => _json ??= ReadJson();

    /// <summary>Status and size, never the body: it can hold tokens.</summary>
    public override string ToString() => $"{Status} {MediaType} of {Body.Length} bytes from {Address}";

    private JsonElement ReadJson()
    {
        if (!IsJson) throw ProviderRefusals.NotJson(this, null);
        try
        {
            if (!JsonMembers.IsText(Body.Span)) throw ProviderRefusals.NotJson(this, null);
            var json = JsonElement.Parse(Body.Span, new JsonDocumentOptions { AllowDuplicateProperties = false, MaxDepth = 32 });
            return json.ValueKind == JsonValueKind.Object ? json : throw ProviderRefusals.NotJson(this, null);
        }
        catch (JsonException exception)
        {
            throw ProviderRefusals.NotJson(this, exception);
        }
    }
}
