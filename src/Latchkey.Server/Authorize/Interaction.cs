using System.Buffers;
using System.IO.Compression;
using System.Text.Json;
using System.Text.Json.Serialization;
using Latchkey.Server.Keys;

namespace Latchkey.Server.Authorize;

/// <summary>
/// What waits while a person signs in, chooses or agrees, and where it goes on afterwards. It travels sealed in the pages' own URLs and forms, so
/// that waiting costs no row and nobody can bend where it leads: the destinations are the three below and nothing else.
/// </summary>
internal sealed record Interaction
{
    /// <summary>More than the parameters that any endpoint takes.</summary>
    private const int MaximumSize = 128 * 1024;

    /// <summary>What goes on afterwards.</summary>
    public required InteractionKind Kind { get; init; }

    /// <summary>The parameters of the request at <c>/authorize</c>, encoded; they are judged anew at every step. Null for a pushed one.</summary>
    public string? Parameters { get; init; }

    /// <summary>What the request is found by, if it was pushed: it lies in the database, so that pages have short URLs however large it is.</summary>
    public string? Pushed { get; init; }

    /// <summary>Whether the client signed the parameters; the signature was judged when they came.</summary>
    public bool IsSigned { get; init; }

    /// <summary>The code that the person typed or followed to <c>/device</c>.</summary>
    public string? UserCode { get; init; }

    /// <summary>When it began, unix milliseconds; set by the first <see cref="Seal"/>.</summary>
    public long StartedAt { get; init; }

    /// <summary>Who has proved who they are since it began.</summary>
    public string? AuthenticatedSubject { get; init; }

    /// <summary>Which signed-in person said to go on as themselves since it began.</summary>
    public string? ChosenSubject { get; init; }

    /// <summary>For whom a page was rendered: its form counts only while this person is signed in.</summary>
    public string? RenderedFor { get; init; }

    public static Interaction ForAuthorize(ReceivedRequest received) => new()
    {
        Kind = InteractionKind.Authorize,
        Parameters = received.Pushed is null ? received.Parameters.Encode() : null,
        Pushed = received.Pushed,
        IsSigned = received.IsSigned,
    };

    public static Interaction ForDevice(string? userCode) => new() { Kind = InteractionKind.Device, UserCode = userCode };

    public static Interaction ForAccount() => new() { Kind = InteractionKind.Account };

    /// <summary>Whether the person took longer than they may.</summary>
    public bool IsExpired(ServerOptions options, long now) => now >= StartedAt + (long)options.InteractionLifetime.TotalMilliseconds;

    public override string ToString() => $"interaction {Kind}";

    /// <summary>Seals it for a URL.</summary>
    public string Seal(KeyRing keys, long now)
    {
        var started = StartedAt == 0 ? this with { StartedAt = now } : this;
        var plain = JsonSerializer.SerializeToUtf8Bytes(started, InteractionJson.Default.Interaction);
        var packed = ArrayPool<byte>.Shared.Rent(BrotliEncoder.GetMaxCompressedLength(plain.Length));
        try
        {
            // Quality 5 is where the time still is a few dozen microseconds and most of the gain is had.
            if (!BrotliEncoder.TryCompress(plain, packed, out var length, quality: 5, window: 18))
                throw new InvalidOperationException("A buffer of the maximum compressed length was too small.");
            return SealedBlob.Seal(keys, now, packed.AsSpan(0, length), "interaction"u8);
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(packed);
        }
    }

    /// <summary>Opens what <see cref="Seal"/> made; null for anything else.</summary>
    public static Interaction? Open(KeyRing keys, string? text)
    {
        if (text is null || SealedBlob.Open(keys, text, "interaction"u8) is not { } packed) return null;
        var plain = ArrayPool<byte>.Shared.Rent(MaximumSize);
        try
        {
            return BrotliDecoder.TryDecompress(packed, plain, out var length)
                ? JsonSerializer.Deserialize(plain.AsSpan(0, length), InteractionJson.Default.Interaction)
                : null;
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(plain);
        }
    }
}

/// <summary>Where a person goes on after signing in.</summary>
internal enum InteractionKind
{
    /// <summary>To the account page.</summary>
    Account,

    /// <summary>Back to the authorization request.</summary>
    Authorize,

    /// <summary>To the device page.</summary>
    Device,
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingDefault)]
[JsonSerializable(typeof(Interaction))]
internal sealed partial class InteractionJson : JsonSerializerContext;
