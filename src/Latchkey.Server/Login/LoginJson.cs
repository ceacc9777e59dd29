using System.Text.Json.Serialization;

namespace Latchkey.Server.Login;

/// <summary>What the audit says of a sign-in.</summary>
internal sealed record SignInDetail(string Sid, IReadOnlyList<string> Amr);

/// <summary>What the audit says of a sign-in that was refused. The name is only told where it is an account's: people type passwords into it.</summary>
internal sealed record SignInRefusal(string Reason);

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower)]
[JsonSerializable(typeof(SignInDetail))]
[JsonSerializable(typeof(SignInRefusal))]
internal sealed partial class LoginJson : JsonSerializerContext;
