using System.Text.Json.Serialization;

namespace Latchkey.Client.AspNetCore.Sessions;

[JsonSourceGenerationOptions(DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(SignInSession))]
internal sealed partial class SessionJson : JsonSerializerContext;
